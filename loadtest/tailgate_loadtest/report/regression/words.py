"""A comparison in words: everything that shows one says the same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.document import (
    Acceptance,
    Cell,
    ComparisonDocument,
    ExactFinding,
    Measure,
    Rates,
)
from tailgate_loadtest.report import show, words

MINUS = "−"
MEASURES: tuple[Measure, ...] = ("p50", "p95", "p99", "failures")
_WORST: tuple[Outcome, ...] = ("fail", "inconclusive", "pass")
_PHASES = {"cold": "when first asked", "warm": "when asked again", "load": "under load"}
_EXACT = {
    "queries": "queries",
    "round_trips": "round trips",
    "bytes": "bytes",
    "status": "status",
    "requests": "requests",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A route that stops the change: its cells, the largest change first, what was counted of it, and why it is so."""

    route: str
    cells: tuple[Cell, ...]
    exact: tuple[ExactFinding, ...]

    @property
    def causes(self) -> tuple[str, ...]:
        """Of all cells, each once."""
        return tuple(dict.fromkeys(cause for cell in self.cells for cause in cell.causes))


def headline(document: ComparisonDocument) -> str:
    """What the verdict means, in one clause."""
    if document.verdict == "pass":
        known = any(entry.covers for entry in document.accepts)
        return f"Nothing got worse beyond what is {'taken on' if known else 'tolerated'}"
    if document.verdict == "inconclusive":
        return "This comparison cannot decide"
    if document.verdict == "interrupted":
        return "The comparison was ended before its time"
    every = {c.route for c in document.cells} | {f.route for f in document.exact}
    clauses = []
    if found := troubles(document):
        clauses.append(f"{len(found)} of {len(every)} routes got worse")
    if loosened := sum(each.accepted is None for each in document.loosened):
        clauses.append("1 objective is loosened" if loosened == 1 else f"{loosened} objectives are loosened")
    if missed := sum(finding.verdict == "fail" for finding in document.objectives):
        clauses.append("1 objective is missed" if missed == 1 else f"{missed} objectives are missed")
    return ", ".join(clauses) or "The change is stopped"


def stops(what: Cell | ExactFinding) -> bool:
    """Whether this alone stops the change."""
    if isinstance(what, Cell):
        return what.blocking and what.verdict == "fail"
    return what.blocking and what.worse and what.accepted is None


def troubles(document: ComparisonDocument) -> list[Trouble]:
    """The routes that stop the change, the one with the largest change first, those only counted last."""
    found: dict[str, tuple[list[Cell], list[ExactFinding]]] = {}
    for cell in sorted(filter(stops, document.cells), key=_by_change):
        found.setdefault(cell.route, ([], []))[0].append(cell)
    for finding in filter(stops, document.exact):
        found.setdefault(finding.route, ([], []))[1].append(finding)
    return [Trouble(route=route, cells=tuple(of[0]), exact=tuple(of[1])) for route, of in found.items()]


def undecided(document: ComparisonDocument) -> dict[str, list[Cell]]:
    """The cells that could stop the change and of which too little is known, by route."""
    found: dict[str, list[Cell]] = {}
    for cell in document.cells:
        if cell.blocking and cell.verdict == "inconclusive":
            found.setdefault(cell.route, []).append(cell)
    return found


def reasons(document: ComparisonDocument) -> tuple[str, ...]:
    """The verdict's reasons, where what is told of routes and objectives does not say them already."""
    told = troubles(document) or any(each.accepted is None for each in document.loosened)
    missed = any(finding.verdict == "fail" for finding in document.objectives)
    return () if document.verdict == "pass" or (document.verdict == "fail" and (told or missed)) else document.reasons


def better(document: ComparisonDocument) -> list[Cell]:
    """The cells that improved by more than the tolerance, the largest change first."""
    return sorted((c for c in document.cells if _improved(c)), key=lambda c: change_of(c) or 0.0)


def worst_first(cells: Iterable[Cell]) -> list[Cell]:
    """Cells, the worse and undecided ones before the others, those that block before those only shown."""
    return sorted(cells, key=lambda c: (not c.blocking, _WORST.index(c.verdict), *_by_change(c)))


def routes(document: ComparisonDocument) -> list[str]:
    """Every route that has a cell, the one with the worst cell first."""
    return list(dict.fromkeys(cell.route for cell in worst_first(document.cells)))


def of_route(document: ComparisonDocument) -> dict[str, dict[Measure, Cell]]:
    """Each route's cells by measure, the worst route first."""
    found: dict[str, dict[Measure, Cell]] = {route: {} for route in routes(document)}
    for cell in document.cells:
        found[cell.route][cell.measure] = cell
    return found


def neutral(cell: Cell) -> float:
    """The ratio, or difference, of no change."""
    return 0.0 if cell.measure == "failures" else 1.0


def change_of(cell: Cell) -> float | None:
    """The change as a fraction of the base, or in shares for failures; None where it is not known."""
    return None if cell.ratio is None else cell.ratio - neutral(cell)


def change(cell: Cell) -> str:
    """``+38 %``; ``+1.2 points`` for failures."""
    return _change(cell, cell.ratio)


def interval(cell: Cell) -> str:
    """``[+29, +46]``; empty where it is not known."""
    if cell.low is None and cell.high is None:
        return ""
    return f"[{_bare(cell, cell.low)}, {_bare(cell, cell.high)}]"


def tolerance(cell: Cell) -> str:
    """The change that is still tolerated: ``+5 %``."""
    if cell.tolerance is None:
        return show.NOTHING
    # Mostly written down by somebody: as many digits as that has, and no more.
    percent = 100 * (cell.tolerance - neutral(cell))
    return f"+{show.exact(round(percent, 2 if percent < 10 else 0))}{_unit(cell)}"


def visible(cell: Cell) -> str:
    """The smallest change that would have been found: ``+12 %``."""
    return _change(cell, cell.visible)


def value(cell: Cell, number: float | None) -> str:
    """A side's value: ``312 ms``, or ``1.2 %`` for failures."""
    if number is None:
        return show.NOTHING
    return show.measured_share(min(max(number, 0.0), 1.0)) if cell.measure == "failures" else show.latency(number)


def values(cell: Cell) -> str:
    """Both: ``40.1 ms → 55.3 ms``."""
    return f"{value(cell, cell.base)} → {value(cell, cell.candidate)}"


def told(cell: Cell) -> str:
    """A cell in a line, without its route: ``p95 +38 % [+29, +46], 40.1 ms → 55.3 ms``."""
    return f"{' '.join(filter(None, [cell.measure, change(cell), interval(cell)]))}, {values(cell)}"


def doubt(cells: Sequence[Cell]) -> str:
    """Which measures of a route are undecided, and what would have been seen: ``p50, p95: +12 % would show``."""
    seen = [cell for cell in cells if cell.visible is not None]
    text = f"{', '.join(cell.measure for cell in cells)} undecided"
    return text + "".join(f"; {cell.measure} {visible(cell)} would have shown" for cell in seen[:1])


def exact(finding: ExactFinding) -> str:
    """A finding in a line, without its route: ``queries 2 → 3 in 34 of 34 requests when first asked``."""
    numbers = " → ".join(show.exact(round(n, 2)) for n in (finding.base, finding.candidate))
    requests = f"in {show.count(finding.requests)} of {show.count(finding.of)} requests"
    return f"{_EXACT[finding.measure]} {numbers} {requests} {_PHASES[finding.phase]}"


def standing(finding: ExactFinding) -> str:
    """What a finding does to the change, in a word or two."""
    if stops(finding):
        return "worse"
    if finding.accepted is not None:
        return "taken on"
    if finding.worse:
        return "worse, shown only"
    return "not worse"


def side_by_side(cell: Cell) -> str:
    """The change while both sides were loaded at once."""
    return _change(cell, cell.side_by_side)


def probability(p: float | None) -> str:
    """A probability, to two digits; very small ones as such."""
    if p is None:
        return show.NOTHING
    return show.significant(p, 2) if p >= 1e-4 else "< 0.0001"


def acceptance(document: ComparisonDocument, entry: Acceptance) -> str:
    """What an entry covers, how far and until when, without its route and its reason."""
    return f"{entry.measure}, up to {show.percent(entry.bound)} until {entry.until}: {covered(document, entry)}"


def covered(document: ComparisonDocument, entry: Acceptance) -> str:
    """What an entry was needed for, with its numbers."""
    if not entry.holds:
        return "expired, it covers nothing any more"
    numbers: dict[str, str] = {
        c.measure: told(c) for c in document.cells if c.route == entry.route and c.accepted is not None
    }
    return "; ".join(numbers.get(each, each) for each in entry.covers) or "not needed by this change"


def notable(document: ComparisonDocument) -> list[Acceptance]:
    """The entries that this change needs, and those that have expired."""
    return [entry for entry in document.accepts if entry.covers or not entry.holds]


def error_rate(document: ComparisonDocument) -> str:
    """How often such verdicts are wrong, by design."""
    return (
        f"If nothing had changed, a verdict of worse would come up in at most {show.percent(document.error_rate)} of"
        f" such comparisons; each bound of an interval is at {show.percent(document.confidence)}."
    )


def calibrated(rates: Rates) -> str:
    """How often such verdicts have been wrong on this machine."""
    between = f"{show.measured_share(rates.false_alarms_low)} to {show.measured_share(rates.false_alarms_high)}"
    return (
        f"Measured on this machine: {show.count(rates.false_alarms)} false alarms in {show.count(rates.gates)}"
        f" comparisons of identical sides ({between}), {show.count(rates.inconclusive)} of them inconclusive, within"
        f" {show.span(rates.seconds)} each."
    )


def uncalibrated(document: ComparisonDocument) -> str:
    """What to do where nobody has measured it."""
    if document.unrated is None:
        return "Not measured on this machine yet: `tailgate calibrate` does."
    return f"How often such verdicts are wrong here is not measured: {document.unrated}."


def sides(document: ComparisonDocument) -> Sequence[tuple[str, str]]:
    """Each side and what it is."""
    found = []
    for name, side in (("base", document.base), ("candidate", document.candidate)):
        revision = (side.revision or "")[:12]
        what = side.what if not revision or side.what.startswith(revision) else f"{side.what} ({revision})"
        found.append((name, what))
    return found


def worst(cells: Iterable[Cell]) -> Outcome | None:
    """The worst verdict of those cells that can stop the change; None if none can."""
    return words.worst(cell.verdict for cell in cells if cell.blocking)


def _improved(cell: Cell) -> bool:
    if cell.high is None or cell.tolerance is None:
        return False
    return cell.high < 2 * neutral(cell) - cell.tolerance


def _by_change(cell: Cell) -> tuple[float, str, str]:
    # Shares of failures weigh more than ratios: a request that fails is worse than a slow one.
    known = change_of(cell) or 0.0
    return -(known * 1e3 if cell.measure == "failures" else known), cell.route, cell.measure


def _change(cell: Cell, ratio: float | None) -> str:
    if ratio is None:
        return show.NOTHING
    return _signed(100 * (ratio - neutral(cell)), 2 if cell.measure == "failures" else 1) + _unit(cell)


def _unit(cell: Cell) -> str:
    return f"{show.NARROW}points" if cell.measure == "failures" else f"{show.NARROW}%"


def _bare(cell: Cell, ratio: float | None) -> str:
    if ratio is None:
        return "?"
    return _signed(100 * (ratio - neutral(cell)), 2 if cell.measure == "failures" else 1)


def _signed(number: float, digits: int) -> str:
    """Two significant digits at least, ``digits`` after the point at most."""
    digits = 0 if abs(number) >= 9.95 else digits
    text = f"{abs(number):,.{digits}f}".replace(",", show.NARROW)
    if not text.strip("0."):
        return "0"
    return ("+" if number > 0 else MINUS) + text
