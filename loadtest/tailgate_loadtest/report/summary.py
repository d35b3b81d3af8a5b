"""summary.md: what a CI job shows beneath its steps."""

from collections.abc import Iterable, Sequence

from tailgate_loadtest.judge.document import Finding, VerdictDocument
from tailgate_loadtest.report import show, words
from tailgate_loadtest.report.parts import made_of, whole
from tailgate_loadtest.run.document import Parts, RouteRecord, RunDocument

MAX_BYTES = 64 * 1024
_CELL = 300
# What Markdown or HTML gives a meaning; as entities they stand for themselves in tables, lists and text alike.
_ENTITIES = {ord(c): f"&#{ord(c)};" for c in "&<>\"'|`*_{}[]#!~\\^$@:"}
_ROOM = {"reasons": 8_000, "objectives": 20_000, "routes": 14_000, "splits": 8_000, "warnings": 8_000}
"""Bytes for the lines of each part; together, with heads and titles, under MAX_BYTES."""


def summary(run: RunDocument, verdict: VerdictDocument) -> str:
    """The verdict, the objectives, the routes and the warnings, as Markdown of less than MAX_BYTES."""
    parts = [_verdict(run, verdict)]
    if verdict.objectives:
        parts.append("### Objectives\n\n" + _objectives(words.worst_first(verdict.objectives)))
    if run.routes:
        parts.append("### Routes\n\nResponse times in ms.\n\n" + _routes(run.routes))
    if made := [(route.route, route.split.p95) for route in run.routes if route.split is not None]:
        parts.append("### What the p95 is made of\n\n" + _splits(made))
    if run.warnings:
        parts.append("### Warnings\n\n" + _within("warnings", (f"- {escape(w)}" for w in run.warnings)))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that stands for itself in a cell or a line."""
    return show.one_line(text, _CELL).translate(_ENTITIES)


def _verdict(run: RunDocument, verdict: VerdictDocument) -> str:
    word = words.WORDS[verdict.verdict]
    facts = [
        f"profile {escape(run.plan.profile)}" if run.plan.profile else "closed model",
        escape(run.plan.host),
        show.span(run.seconds),
        escape(str(run.environment.get("revision", ""))),
    ]
    if verdict.score is not None:
        facts.insert(0, f"score {show.exact(verdict.score)} of 100")
    lines = [
        f"## {words.SYMBOLS[verdict.verdict]} {word}: {words.headline(verdict)}",
        "",
        " · ".join(fact for fact in facts if fact),
        "",
    ]
    return "\n".join(lines) + "\n" + _within("reasons", (f"- {escape(reason)}" for reason in verdict.reasons))


def _objectives(findings: Sequence[Finding]) -> str:
    head = "| Verdict | Objective | Route | Target | Measured | Samples | Why |\n|---|---|---|---|---|---:|---|\n"
    return head + _within("objectives", map(_finding, findings))


def _finding(finding: Finding) -> str:
    measured = words.number(finding)
    if interval := words.interval(finding):
        measured += f" ({interval})"
    cells = [
        f"{words.SYMBOLS[finding.verdict]} {words.WORDS[finding.verdict]}",
        escape(finding.display_name),
        escape(finding.route or words.everywhere(finding)),
        escape(words.target(finding)),
        escape(measured),
        show.count(finding.samples),
        escape(finding.why),
    ]
    return f"| {' | '.join(cells)} |"


def _routes(routes: Sequence[RouteRecord]) -> str:
    head = (
        "| Route | Requests/s | p50 | p95 | p99 | Service p95 | Failed | Unanswered | Queries |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    return head + _within("routes", map(_route, routes))


def _route(route: RouteRecord) -> str:
    cells = [
        escape(route.route),
        show.rate(route.rate),
        *(words.route_percentile(route, q) for q in (0.5, 0.95, 0.99)),
        show.milliseconds(route.service.p95) if route.service else show.NOTHING,
        show.count(route.failed),
        show.count(route.censored),
        show.NOTHING if route.queries is None else show.significant(route.queries),
    ]
    return f"| {' | '.join(cells)} |"


def _splits(made: Sequence[tuple[str, Parts]]) -> str:
    head = "| Route | Around p95, ms | Of that, ms |\n|---|---:|---|\n"
    rows = (
        f"| {escape(route)} | {show.milliseconds(whole(around))} | {escape(made_of(around))} |"
        for route, around in made
    )
    return head + _within("splits", rows)


def _within(part: str, lines: Iterable[str]) -> str:
    room, taken, left = _ROOM[part], [], 0
    for line in lines:
        room -= len(line.encode()) + 1
        if room >= 0 and not left:
            taken.append(line)
        else:
            left += 1
    more = f"\n\nand {left} more, in report.html" if left else ""
    return "\n".join(taken) + more
