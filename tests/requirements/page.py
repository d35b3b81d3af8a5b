"""The page of requirements: rows, the tests that carry their ids, and the figures stored for them."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks.revision import ROOT
from benchmarks.stored import Stored
from tests.requirements.rows import Row

PAGE = ROOT / "docs/requirements.md"
OF_FIGURES = "- `"
"""How every line that is made of the stored figures begins, and no other line."""
_HEAD = """\
# Requirements

Three products are where this project comes from: a WhatsApp CRM that moved its data layer (A), a database of
conversations that was tuned (B), a dashboard of voice agents that was made fast (C). Each row is something that was
done to one of them, often by hand. It is **shown** when every test that carries its id passes and every figure it needs
is stored and meets its goal.

`make requirements` writes this page of the outcome of those tests and the stored figures of the benchmarks; nothing in
it is written by hand.
"""


@dataclass(frozen=True, kw_only=True)
class Test:
    """A test that ran: its file, the ids that it carries, and ``passed``, ``failed`` or ``skipped``."""

    __test__ = False

    file: str
    rows: frozenset[str]
    outcome: str


@dataclass(kw_only=True)
class Verdict:
    """What is missed and what is missing; shown when neither."""

    missed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        """The verdict in a word."""
        if self.missed:
            return "missed"
        return "missing" if self.missing else "shown"

    def __str__(self) -> str:
        told = [f"missed: {', '.join(self.missed)}"] if self.missed else []
        told += [f"missing: {', '.join(self.missing)}"] if self.missing else []
        return "; ".join(told) or "shown"


def render(
    rows: Sequence[Row], tests: Sequence[Test], stored: Mapping[str, Stored], ran: str, root: Path = ROOT
) -> str:
    """The page as Markdown; ``ran`` says when and of which commit the tests ran."""
    verdicts = {row.id: judged(row, tests, stored, root) for row in rows}
    counts = Counter(verdict.word for verdict in verdicts.values())
    table = [f"| [{row.id}](#{_anchor(_heading(row))}) | {row.title} | {verdicts[row.id]} |" for row in rows]
    parts = [
        _HEAD,
        f"Of {len(rows)} rows: {', '.join(f'{count} {word}' for word, count in sorted(counts.items()))}. {ran}\n",
        "\n".join(["| row | what | verdict |", "|---|---|---|", *table]) + "\n",
    ]
    for row in rows:
        lines = [row.text, "", f"**{_capital(str(verdicts[row.id]))}.** {_tests(row, tests)}"]
        if row.document and (root / row.document).exists():
            lines.append(f"The document: [{row.document}]({Path(row.document).name}).")
        if figures := _figures(row, stored):
            lines += ["", *figures]
        parts.append(f"## {_heading(row)}\n\n" + "\n".join(lines) + "\n")
    if measured := _measured(rows, stored):
        parts.append("## How the figures were measured\n\n" + "\n".join(measured) + "\n")
    return "\n".join(parts)


def of_figures(rows: Iterable[Row], stored: Mapping[str, Stored]) -> list[str]:
    """The page's lines that are made of the stored figures."""
    rows = list(rows)
    return [line for row in rows for line in _figures(row, stored)] + _measured(rows, stored)


def judged(row: Row, tests: Sequence[Test], stored: Mapping[str, Stored], root: Path = ROOT) -> Verdict:
    """What the row still wants."""
    verdict = Verdict()
    outcomes = Counter(test.outcome for test in tests if row.id in test.rows)
    if failed := outcomes["failed"]:
        verdict.missed.append(_count(failed, "failed test"))
    if skipped := outcomes["skipped"]:
        verdict.missing.append(f"{_count(skipped, 'test')} that {'was' if skipped == 1 else 'were'} skipped")
    if not outcomes:
        verdict.missing.append("a test")
    found = {pattern: _matching(pattern, stored) for pattern in row.figures}
    if beyond := sum(not stored[name].figure.met for names in found.values() for name in names):
        verdict.missed.append(_count(beyond, "figure"))
    if absent := sum(not names for names in found.values()):
        verdict.missing.append(_count(absent, "figure"))
    if row.document and not (root / row.document).exists():
        verdict.missing.append(f"`{row.document}`")
    return verdict


def _heading(row: Row) -> str:
    return f"{row.id}: {row.title}"


def _anchor(heading: str) -> str:
    # As GitHub makes them.
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _tests(row: Row, tests: Sequence[Test]) -> str:
    carrying = [test for test in tests if row.id in test.rows]
    if not carrying:
        return "No test carries its id."
    outcomes = Counter(test.outcome for test in carrying)
    files = Counter(test.file for test in carrying)
    told = ", ".join(f"{outcomes[each]} {each}" for each in ("passed", "failed", "skipped") if outcomes[each])
    named = ", ".join(f"`{file}` ({count})" for file, count in sorted(files.items()))
    return f"{_count(len(carrying), 'test')}, {told}: {named}."


def _figures(row: Row, stored: Mapping[str, Stored]) -> list[str]:
    lines = []
    for pattern in row.figures:
        found = _matching(pattern, stored)
        lines += [_line(stored[name]) for name in found] or [f"{OF_FIGURES}{pattern}`: not stored"]
    return lines


def _line(stored: Stored) -> str:
    figure = stored.figure
    value, low, high = (f"{each:.4g}" for each in (figure.value, figure.low, figure.high))
    fate = "met" if figure.met else "**missed**"
    return (
        f"{OF_FIGURES}{figure.name}`: {value} [{low}, {high}], goal {figure.sense} {figure.goal:.4g}, {fate}"
        f" ({stored.commit}, {stored.date})"
    )


def _measured(rows: Iterable[Row], stored: Mapping[str, Stored]) -> list[str]:
    names = {name for row in rows for pattern in row.figures for name in _matching(pattern, stored)}
    return sorted({_how(stored[name]) for name in names})


def _how(stored: Stored) -> str:
    machine = stored.machine
    return (
        f"{OF_FIGURES}{stored.command}` of {stored.commit} on {stored.date}: {machine.cores} cores, "
        f"{machine.memory / 1e9:.1f} GB, Python {machine.python}"
    )


def _matching(pattern: str, stored: Mapping[str, Stored]) -> list[str]:
    return sorted(name for name in stored if fnmatchcase(name, pattern))


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
