"""A comparison in words: everything that shows one says the same."""

from collections.abc import Sequence

from tailgate_loadtest.judge.regression.document import (
    Acceptance,
    Adoption,
    Cell,
    ComparisonDocument,
    ExactFinding,
    Measure,
    Rates,
)
from tailgate_loadtest.report import show
from tailgate_loadtest.report.regression import shown
from tailgate_loadtest.shapes.sides import Side

MINUS = "−"
MEASURES: tuple[Measure, ...] = ("p50", "p95", "p99", "failures")
_PHASES = {"cold": "when first asked", "warm": "when asked again", "load": "under load"}
_ADVICE = {
    "adopt": "adopt the candidate",
    "keep": "keep the base, and tune it",
    "neither": "by the rule neither to adopt nor to keep",
    "undecided": "not sure enough to adopt or to keep",
}
_EXACT = {
    "queries": "queries",
    "round_trips": "round trips",
    "bytes": "bytes",
    "status": "status",
    "requests": "requests",
}


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
    if document.gave_out == (Side.CANDIDATE,):
        clauses.append("The candidate gave out under the load")
    if found := shown.troubles(document):
        clauses.append(f"{len(found)} of {len(every)} routes got worse")
    if loosened := sum(each.accepted is None for each in document.loosened):
        clauses.append("1 objective is loosened" if loosened == 1 else f"{loosened} objectives are loosened")
    return ", ".join(clauses) or "The change is stopped"


def change(cell: Cell) -> str:
    """``+38 %``; ``+1.2 points`` for failures."""
    return _change(cell, cell.ratio)


def interval(cell: Cell) -> str:
    """``[+29, +46]``; empty where it is not known."""
    low, high = shown.bounds(cell)
    if low is None and high is None:
        return ""
    return f"[{_bare(cell, low)}, {_bare(cell, high)}]"


def tolerance(cell: Cell) -> str:
    """The change that is still tolerated: ``+5 %``."""
    if cell.tolerance is None:
        return show.NOTHING
    # Mostly written down by somebody: as many digits as that has, and no more.
    percent = 100 * (cell.tolerance - shown.neutral(cell))
    return f"+{show.exact(round(percent, 2 if percent < 10 else 0))}{_unit(cell)}"


def visible(cell: Cell) -> str:
    """The smallest change that would have been found: ``+12 %``; or why none would."""
    if cell.visible is not None:
        return _change(cell, cell.visible)
    return "too little measured" if cell.ratio is None else "too short a load"


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
    requests = f"in {show.count(finding.requests)} of {show.count(finding.of)} requests"
    return f"{counted(finding)} {requests} {_PHASES[finding.phase]}"


def counted(finding: ExactFinding) -> str:
    """What a finding is about, in as few letters as can be: ``queries 2 → 3``."""
    return f"{_EXACT[finding.measure]} {_numbers(finding)}"


def standing(finding: ExactFinding) -> str:
    """What a finding does to the change, in a word or two."""
    if shown.stops(finding):
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


def missed(document: ComparisonDocument) -> str:
    """How many objectives the load misses; empty if it is none."""
    count = len(shown.missed(document))
    return f"{count} of {len(document.objectives)} objectives missed under this load, which stops nothing here" * (
        count > 0
    )


def error_rate(document: ComparisonDocument) -> str:
    """How often such verdicts are wrong, by design."""
    return (
        f"If nothing had changed, a verdict of worse would come up in at most {show.percent(document.error_rate)} of"
        f" such comparisons; each bound of an interval is at {show.derived_share(document.confidence)}."
    )


def calibrated(rates: Rates) -> str:
    """How often such verdicts have been wrong on this machine."""
    between = f"{show.measured_share(rates.false_alarms_low)} to {show.measured_share(rates.false_alarms_high)}"
    return (
        f"Measured on this machine: {show.count(rates.false_alarms)} false alarms in {show.count(rates.gates)}"
        f" comparisons of identical sides ({between}), {show.count(rates.inconclusive)} of them inconclusive, within"
        f" {show.span(rates.seconds)} each."
    )


def adoption(found: Adoption) -> str:
    """What the rule says: ``adopt the candidate: p95 of all requests is ...``."""
    return f"{_ADVICE[found.advice]}: {found.why}"


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


def lasted(document: ComparisonDocument) -> str:
    """How long the load was, and how long it might have been where it was ended by what it had shown."""
    told = show.span(document.seconds)
    if document.design is None or not document.looks or document.looks[-1].decided in (None, "inconclusive"):
        return told
    budget = max(segment.start + segment.length for segment in document.design.segments)
    return f"{told} of at most {show.span(budget)}" if document.looks[-1].at < budget else told


def _numbers(finding: ExactFinding) -> str:
    return " → ".join(show.exact(round(n, 2)) for n in (finding.base, finding.candidate))


def _change(cell: Cell, ratio: float | None) -> str:
    if ratio is None:
        return show.NOTHING
    return _signed(100 * (ratio - shown.neutral(cell)), 2 if cell.measure == "failures" else 1) + _unit(cell)


def _unit(cell: Cell) -> str:
    return f"{show.NARROW}points" if cell.measure == "failures" else f"{show.NARROW}%"


def _bare(cell: Cell, ratio: float | None) -> str:
    if ratio is None:
        return "?"
    return _signed(100 * (ratio - shown.neutral(cell)), 2 if cell.measure == "failures" else 1)


def _signed(number: float, digits: int) -> str:
    """Two significant digits at least, ``digits`` after the point at most."""
    digits = 0 if abs(number) >= 9.95 else digits
    text = f"{abs(number):,.{digits}f}".replace(",", show.NARROW)
    if not text.strip("0."):
        return "0"
    return ("+" if number > 0 else MINUS) + text
