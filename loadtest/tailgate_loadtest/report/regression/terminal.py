"""What a comparison shows in a terminal: a row per route, what stops the change and why, and what it all comes to."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tailgate_loadtest.judge.document import Verdict
from tailgate_loadtest.judge.regression.document import Cell, ComparisonDocument, ExactFinding
from tailgate_loadtest.report import show
from tailgate_loadtest.report.regression import shown, words
from tailgate_loadtest.report.words import SYMBOLS, WORDS

_STYLES: dict[Verdict, str] = {
    "pass": "green",
    "fail": "bold red",
    "inconclusive": "yellow",
    "interrupted": "yellow",
    "unjudged": "dim",
}
_MAX_ROUTES = 60
_MAX_LINES = 12
"""Of one kind; the report has all."""
_MAX_CAUSES = 3
_LONGEST = 400
_COUNTED = 18
"""Letters of what was counted in a line; so that a route has as many at least."""


def comparison_table(document: ComparisonDocument) -> RenderableType:
    """Every route's changes, the worst first, with what stops the change and why. Fits 80 columns."""
    every, counted = shown.of_route(document), shown.counted(document)
    rows = [(route, cells) for route, cells in every.items() if shown.worst(cells.values()) or route in counted]
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("route", ratio=1, overflow="fold")
    for measure in words.MEASURES:
        table.add_column(measure, justify="right", no_wrap=True)
    if counted:
        table.add_column("counted", max_width=_COUNTED)
    table.add_column("by load" if counted else "verdict", no_wrap=True)
    for route, cells in rows[:_MAX_ROUTES]:
        changes = (_change(cells.get(measure)) for measure in words.MEASURES)
        found = [_counted(counted.get(route, ()))] if counted else []
        table.add_row(Text(_line(route)), *changes, *found, _word(shown.worst(cells.values()) or "unjudged"))
    parts: list[RenderableType] = [table] if rows else []
    if left := len(every) - len(rows[:_MAX_ROUTES]):
        parts.append(Text(f"and {left} more that are only shown, in report.html", style=_STYLES["unjudged"]))
    if parts:
        parts.append(Text())
    return Group(*parts, *_worse(document), *_known(document), *_verdict(document), *_warnings(document))


def _change(cell: Cell | None) -> Text:
    """The change; in the colour of its verdict where it can stop the change, and faint where it cannot."""
    if cell is None:
        return Text(show.NOTHING, style=_STYLES["unjudged"])
    # No space within a number here: the route needs the room more.
    text = words.change(cell).replace(show.NARROW, "").replace("points", "pt")
    return Text(text, style=_STYLES[cell.verdict if cell.blocking else "unjudged"])


def _counted(findings: Iterable[ExactFinding]) -> Text:
    """What was counted and stops the change, whatever the load has shown."""
    lines = [f"{SYMBOLS['fail']} {words.counted(finding)}" for finding in findings]
    return Text("\n".join(lines), style=_STYLES["fail"]) if lines else Text(show.NOTHING, style=_STYLES["unjudged"])


def _worse(document: ComparisonDocument) -> Iterable[RenderableType]:
    """What stops the change, with its causes."""
    for trouble in shown.troubles(document)[:_MAX_LINES]:
        yield _marked("fail", trouble.route)
        yield from (_indented(words.told(cell)) for cell in trouble.cells)
        yield from (_indented(words.exact(finding)) for finding in trouble.exact)
        yield from (_indented(f"why: {cause}") for cause in trouble.causes[:_MAX_CAUSES])
    loosened = [each for each in document.loosened if each.accepted is None]
    yield from (_marked("fail", f"{each.objective}: {each.what}") for each in loosened[:_MAX_LINES])
    kinds = (shown.troubles(document), loosened)
    if left := sum(max(len(each) - _MAX_LINES, 0) for each in kinds):
        yield Text(f"and {left} more, in report.html")


def _known(document: ComparisonDocument) -> Iterable[Text]:
    """What is taken on knowingly, and what nobody knows."""
    for entry in shown.notable(document)[:_MAX_LINES]:
        symbol, style = ("~", "cyan") if entry.holds else ("!", "yellow")
        line = f"{entry.route} {words.acceptance(document, entry)} ({entry.why})"
        yield Text(f"{symbol} {_line(line)}", style=style)
    doubtful = shown.undecided(document)
    for route, cells in list(doubtful.items())[:_MAX_LINES]:
        yield _marked("inconclusive", f"{route} {words.doubt(cells)}")
    if len(doubtful) > _MAX_LINES:
        yield Text(f"and {len(doubtful) - _MAX_LINES} more undecided, in report.html")


def _verdict(document: ComparisonDocument) -> Iterable[RenderableType]:
    head = f"{SYMBOLS[document.verdict]} {WORDS[document.verdict].upper()}"
    yield Text.assemble((head, f"bold {_STYLES[document.verdict]}"), f"  {words.headline(document)}")
    yield from (_indented(f"- {reason}") for reason in shown.reasons(document))
    (_, base), (_, candidate) = words.sides(document)
    told = words.calibrated(document.rates) if document.rates else words.uncalibrated(document)
    if document.adoption is not None:
        yield _indented(words.adoption(document.adoption))
    for line in (
        f"candidate {candidate} against base {base}, {words.lasted(document)}",
        words.error_rate(document),
        told,
    ):
        yield _indented(line, style="dim")


def _warnings(document: ComparisonDocument) -> Iterable[RenderableType]:
    missed = f"{told}: see report.html" if (told := words.missed(document)) else ""
    for line in filter(None, (*document.differences, *document.warnings, missed)):
        yield _indented(f"! {line}", style="yellow")


def _word(outcome: Verdict) -> Text:
    return Text(f"{SYMBOLS[outcome]} {WORDS[outcome].lower()}", style=_STYLES[outcome])


def _marked(outcome: Verdict, line: str) -> Text:
    return Text(f"{SYMBOLS[outcome]} {_line(line)}", style=_STYLES[outcome])


def _indented(line: str, style: str = "") -> Padding:
    return Padding(Text(_line(line), style=style), (0, 0, 0, 2))


def _line(text: str) -> str:
    return show.plain(show.one_line(text, _LONGEST))
