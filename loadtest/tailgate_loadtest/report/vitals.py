"""Visits in a terminal: what each page came to in each lane, and what it comes to in all. Fits 80 columns."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from tailgate_slo.model import Vital
from tailgate_slo.vitals import JUDGED_BY

from tailgate_loadtest.judge.document import Verdict
from tailgate_loadtest.judge.listed import listed
from tailgate_loadtest.judge.vitals.document import Cell, LaneFinding, Rating, VitalFinding, VitalsDocument
from tailgate_loadtest.report import show, words

_STYLES: dict[Verdict, str] = {
    "pass": "green",
    "fail": "bold red",
    "inconclusive": "yellow",
    "interrupted": "yellow",
    "unjudged": "bold",
}
_RATINGS: dict[Rating, tuple[str, str]] = {
    "good": ("good", "green"),
    "needs-improvement": ("needs improvement", "yellow"),
    "poor": ("poor", "bold red"),
}
_LONGEST = 400
_LONGEST_ELEMENT = 60

_Judged = tuple[VitalFinding, LaneFinding]
_Row = tuple[str | None, str, str, str]
"""A page, the names of a script and of a lane, and that of a measure."""


def vitals_table(document: VitalsDocument) -> RenderableType:
    """A table for each page and lane, and the verdict with its reasons."""
    rows, others = _placed(document)
    parts: list[RenderableType] = []
    for (page, script, lane), cells in groupby(document.cells, key=lambda each: (each.page, each.visit, each.lane)):
        parts += _page(page, script, lane, list(cells), rows)
    if others:
        parts += [*(_elsewhere(finding, lane) for finding, lane in others), Text()]
    return Group(*parts, *_verdict(document), *_notes(document))


def _placed(document: VitalsDocument) -> tuple[dict[_Row, list[_Judged]], list[_Judged]]:
    """What was judged, by the row that shows what of; and what no single row shows."""
    rows: dict[_Row, list[_Judged]] = {_row_of(cell): [] for cell in document.cells}
    pages: dict[tuple[str, str], set[str]] = {}
    for cell in document.cells:
        pages.setdefault((cell.visit, cell.lane), set()).add(cell.page)
    others: list[_Judged] = []
    for finding in document.objectives:
        for lane in finding.lanes:
            own = pages.get((lane.visit, lane.lane), set())
            page = next(iter(own)) if finding.page is None and len(own) == 1 else finding.page
            row = page, lane.visit, lane.lane, words.vital(finding.vital, finding.timing)
            rows.get(row, others).append((finding, lane))
    return rows, others


def _row_of(cell: Cell) -> _Row:
    return cell.page, cell.visit, cell.lane, words.vital(cell.vital, cell.timing)


def _page(
    page: str, script: str, lane: str, cells: Sequence[Cell], rows: dict[_Row, list[_Judged]]
) -> Iterator[RenderableType]:
    visits, failed = cells[0].samples + cells[0].missing, cells[0].failed
    how = f"{script}, {lane}: {_visits(visits)}" + (f", {show.count(failed)} failed" if failed else "")
    yield Text.assemble((_line(page), "bold"), f"  {_line(how)}")
    judged = any(rows[_row_of(cell)] for cell in cells)
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("measure", overflow="fold")
    table.add_column(show.percentile(float(JUDGED_BY)), justify="right", no_wrap=True)
    table.add_column("interval", no_wrap=True)
    table.add_column("rating", max_width=11)
    table.add_column("visits", justify="right", no_wrap=True)
    if judged:
        table.add_column("objective", no_wrap=True)
    for cell in cells:
        table.add_row(*_cells(cell), *([_objectives(rows[_row_of(cell)])] if judged else []))
    yield table
    yield from _asides(cells)
    yield Text()


def _cells(cell: Cell) -> Iterator[RenderableType]:
    unit = _unit(cell.vital)
    yield Text(_line(words.vital(cell.vital, cell.timing)))
    yield show.plain(words.reached(cell.number, unit, at_least=cell.at_least))
    yield show.plain(_interval(cell.low, cell.high, unit))
    word, style = _RATINGS[cell.rating] if cell.rating else (show.NOTHING, "")
    yield Text(word, style=style)
    yield f"{cell.samples}/{cell.samples + cell.missing}" if cell.missing else str(cell.samples)


def _objectives(found: Sequence[_Judged]) -> Text:
    lines = (Text(f"{words.SYMBOLS[lane.verdict]} {_asked(f)}", style=_STYLES[lane.verdict]) for f, lane in found)
    return Text("\n").join(lines) if found else Text(show.NOTHING)


def _asides(cells: Iterable[Cell]) -> Iterator[Text]:
    for cell in cells:
        name = words.vital(cell.vital, cell.timing)
        if cell.missing:
            yield _aside(f"{name}: {_visits(cell.missing)} told nothing: {cell.why_missing}")
        if cell.element is not None:
            yield _aside(f"{name}: most often {show.one_line(cell.element, _LONGEST_ELEMENT)}")


def _elsewhere(finding: VitalFinding, lane: LaneFinding) -> Text:
    """What was judged over several pages, or of a moment that no page marked."""
    unit = _unit(finding.vital)
    where = finding.page or "all pages"
    measured = " ".join(
        filter(None, [words.reached(lane.number, unit, at_least=lane.at_least), _interval(lane.low, lane.high, unit)])
    )
    whose = f"{finding.display_name} ({where}; {lane.visit}, {lane.lane})"
    return Text.assemble(
        _word(lane.verdict), f"  {_line(whose)}: {show.plain(measured)}; the objective: {_asked(finding)}"
    )


def _verdict(document: VitalsDocument) -> Iterator[Text]:
    head = f"{words.SYMBOLS[document.verdict]} {words.WORDS[document.verdict].upper()}"
    yield Text.assemble((head, f"bold {_STYLES[document.verdict]}"), f"  {headline(document)}")
    if document.verdict != "pass":
        yield from (Text(f"  - {_line(reason)}") for reason in document.reasons)


def headline(document: VitalsDocument) -> str:
    """What the verdict means, in one clause."""
    total, missed = len(document.objectives), sum(f.verdict == "fail" for f in document.objectives)
    match document.verdict:
        case "pass":
            return "The objective is kept" if total == 1 else f"All {total} objectives are kept"
        case "fail" if missed:
            return f"{missed} of {total} objectives {'is' if missed == 1 else 'are'} missed"
        case "fail":
            return "Visits failed"
        case "inconclusive":
            return "These visits cannot decide"
        case "interrupted":
            return "The visits were ended before their time"
    return "There was nothing to judge by"


def warnings(document: VitalsDocument) -> list[str]:
    """What whoever relies on the visits should know of how they were made."""
    insecure = document.setting is not None and document.setting.insecure
    return [*(["any certificate was taken, as --insecure says"] if insecure else []), *document.account.warnings]


def _notes(document: VitalsDocument) -> Iterator[Text]:
    if skipped := document.skipped:
        yield _aside(f"not judged, since no visit came to their pages: {listed(skipped)}")
    for why, number in document.failures.items():
        yield Text(f"  ! {_visits(number)} failed: {_line(why)}", style="yellow")
    yield from (Text(f"  ! {_line(warning)}", style="yellow") for warning in warnings(document))
    account = document.account
    yield _aside(f"{account.browser}, {_visits(account.ended)} in {show.span(account.load.seconds)}")


def _asked(finding: VitalFinding) -> str:
    limit = show.exact(finding.threshold) if _unit(finding.vital) == "score" else show.threshold(finding.threshold)
    return show.plain(f"{show.percentile(finding.target)} ≤ {limit}")


def _interval(low: float | None, high: float | None, unit: str) -> str:
    return "" if low is None and high is None else words.between(low, high, unit)


def _unit(vital: Vital | None) -> str:
    return "score" if vital == "cls" else "seconds"


def _visits(number: int) -> str:
    return show.plain(show.several(number, "visit"))


def _word(outcome: Verdict) -> Text:
    return Text(f"{words.SYMBOLS[outcome]} {words.WORDS[outcome].lower()}", style=_STYLES[outcome])


def _aside(text: str) -> Text:
    return Text(f"  {_line(text)}", style="dim")


def _line(text: str) -> str:
    return show.plain(show.one_line(text, _LONGEST))
