"""The sections of the comment and of the job summary: HTML, the most important first, each within its room."""

from collections.abc import Iterable

from tailgate_loadtest.judge.regression.document import Cell, ComparisonDocument
from tailgate_loadtest.report import show
from tailgate_loadtest.report import words as run_words
from tailgate_loadtest.report.regression import shown, words
from tailgate_loadtest.report.regression.markup import code, folded, items, plain, prose, table
from tailgate_loadtest.report.regression.shown import Trouble
from tailgate_loadtest.report.words import SYMBOLS, WORDS

_MOST_CAUSES = 3
_ROOM = {
    "worse": 18_000,
    "loosened": 4_000,
    "missed": 4_000,
    "accepted": 6_000,
    "doubts": 5_000,
    "better": 2_000,
    "reasons": 3_000,
    "routes": 6_000,
    "exact": 3_000,
    "warnings": 3_000,
}
"""Bytes for the lines of each section; with heads, titles and all else that has its bounds, under 64 KB."""


def sections(document: ComparisonDocument, *, times: int = 1) -> list[str]:
    """All that there are, each a block; ``times`` is how much more room they have than in a comment."""
    room = {name: size * times for name, size in _ROOM.items()}
    parts = [
        f"### {SYMBOLS[document.verdict]} {WORDS[document.verdict]}: {words.headline(document)}",
        _sides(document),
        items(map(prose, shown.reasons(document)), room["reasons"]),
        items(map(_trouble, shown.troubles(document)), room["worse"]),
        items(_loosened(document), room["loosened"]),
        _titled("Taken on knowingly", items(_accepted(document), room["accepted"])),
        _titled("Undecided", items(_doubts(document), room["doubts"])),
        _titled("Got better", items(_better(document), room["better"])),
        _sure(document),
        folded("Every route", table(_heads(document), _routes(document), room["routes"])),
        folded("Counted exactly", items(_exact(document), room["exact"])),
        folded("Objectives missed", _titled(words.missed(document), items(_missed(document), room["missed"]))),
        folded("Warnings", items(map(plain, (*document.differences, *document.warnings)), room["warnings"])),
    ]
    return [part for part in parts if part]


def _titled(title: str, content: str) -> str:
    return f"<p><b>{title}</b></p>\n{content}" if content else ""


def _sides(document: ComparisonDocument) -> str:
    (_, base), (_, candidate) = words.sides(document)
    return f"<p>candidate {code(candidate)} against base {code(base)}, {words.lasted(document)}</p>"


def _trouble(trouble: Trouble) -> str:
    cells = [f"{c.measure} <b>{words.change(c)}</b> {words.interval(c)}, {words.values(c)}" for c in trouble.cells]
    lines = [
        " ".join([code(trouble.route), "; ".join(cells)]).rstrip(),
        *map(words.exact, trouble.exact),
        *(f"↳ {prose(cause)}" for cause in trouble.causes[:_MOST_CAUSES]),
    ]
    return "<br>".join(lines)


def _loosened(document: ComparisonDocument) -> Iterable[str]:
    for each in document.loosened:
        if each.accepted is None:
            yield f"objective {code(each.objective)} is loosened: {plain(each.what)}"


def _missed(document: ComparisonDocument) -> Iterable[str]:
    for finding in shown.missed(document):
        yield f"{code(finding.display_name)}: {run_words.number(finding)} against {run_words.target(finding)}"


def _accepted(document: ComparisonDocument) -> Iterable[str]:
    for entry in shown.notable(document):
        yield f"{code(entry.route)} {plain(words.acceptance(document, entry))} ({plain(entry.why)})"


def _doubts(document: ComparisonDocument) -> Iterable[str]:
    for route, cells in shown.undecided(document).items():
        yield f"{code(route)} {words.doubt(cells)}"


def _better(document: ComparisonDocument) -> Iterable[str]:
    for cell in shown.better(document):
        yield f"{code(cell.route)} {words.told(cell)}"


def _sure(document: ComparisonDocument) -> str:
    told = words.calibrated(document.rates) if document.rates else words.uncalibrated(document)
    rule = f"<p>{prose(words.adoption(document.adoption))}</p>" if document.adoption else ""
    return f"{rule}<p>{prose(words.error_rate(document))} {prose(told)}</p>"


def _heads(document: ComparisonDocument) -> Iterable[str]:
    return "Route", *words.MEASURES, *(("Counted", "By load") if shown.counted(document) else ("Verdict",))


def _routes(document: ComparisonDocument) -> Iterable[Iterable[str]]:
    counted = shown.counted(document)
    for route, cells in shown.of_route(document).items():
        outcome = shown.worst(cells.values()) or "unjudged"
        changes = (_change(cells.get(measure)) for measure in words.MEASURES)
        lines = [f"{SYMBOLS['fail']} {words.counted(finding)}" for finding in counted.get(route, ())]
        found = ["<br>".join(lines) or show.NOTHING] if counted else []
        yield code(route), *changes, *found, f"{SYMBOLS[outcome]} {WORDS[outcome]}"


def _change(cell: Cell | None) -> str:
    if cell is None:
        return show.NOTHING
    return " ".join(filter(None, [words.change(cell), words.interval(cell), "" if cell.blocking else "(shown only)"]))


def _exact(document: ComparisonDocument) -> Iterable[str]:
    for finding in document.exact:
        yield f"{code(finding.route)} {words.exact(finding)}: {words.standing(finding)}"
