"""What is taken on knowingly: entries of the candidate's objectives file, each until its last day."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tailgate_slo.model import EVERYWHERE, Accept

from tailgate_loadtest.judge.regression.document import Acceptance, Cell, ExactFinding, Loosened
from tailgate_loadtest.judge.regression.terms.loosened import Loosening

_COVERED = {
    "latency": frozenset({"p50", "p95", "p99"}),
    "availability": frozenset({"failures", "status", "requests"}),
    "queries": frozenset({"queries", "round_trips"}),
    "bytes": frozenset({"bytes"}),
}
"""By an entry's measure: which cells and exact findings it can cover."""

Slowest = Callable[[Cell, Decimal], str | None]
"""Why more of a cell's requests may be among the slowest than a bound takes on, if so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """What is left to decide by, and what each entry was needed for."""

    cells: tuple[Cell, ...]
    exact: tuple[ExactFinding, ...]
    loosened: tuple[Loosened, ...]
    entries: tuple[Acceptance, ...]


def accept(
    entries: Sequence[Accept],
    on: date,
    *,
    cells: Iterable[Cell] = (),
    exact: Iterable[ExactFinding] = (),
    loosened: Iterable[Loosening] = (),
    slowest: Slowest = lambda cell, bound: None,
) -> Accepted:
    """Apply the entries that still hold on that day.

    An entry takes the place of a cell's tolerance: the cell passes when the upper end of its interval is within the
    bound and its ``slowest`` requests are, too; where only the estimate is, nobody can tell. What is undecided for
    another reason than its size stays so.
    An exact finding is covered up to the bound as well, from none to one being a bound of 1. A loosening is covered by
    a bound as large as what is given up; 1 covers all of it.
    """
    held = [entry for entry in entries if entry.holds(on)]
    uses: dict[int, list[str]] = {id(entry): [] for entry in entries}

    def covered(what: str, found: Accept | None) -> str | None:
        if found is None:
            return None
        uses[id(found)].append(what)
        return found.why

    judged = [_cell(cell, _largest(held, cell.route, cell.measure), slowest) for cell in cells]
    for cell, entry in judged:
        covered(cell.measure, entry)
    counted = []
    for finding in exact:
        entry = _largest(held, finding.route, finding.measure) if finding.worse and finding.blocking else None
        why = covered(f"{finding.measure}, {finding.phase}", entry if entry and _within(finding, entry) else None)
        counted.append(finding.model_copy(update={"accepted": why}))
    asked = []
    for each in loosened:
        entry = max((entry for entry in held if _concerns(entry, each)), key=_bound, default=None)
        why = covered(each.objective, entry if entry and entry.bound >= each.by else None)
        asked.append(Loosened(objective=each.objective, what=each.what, accepted=why))
    return Accepted(
        cells=tuple(cell for cell, _ in judged),
        exact=tuple(counted),
        loosened=tuple(asked),
        entries=tuple(_record(entry, on, uses[id(entry)]) for entry in entries),
    )


def _bound(entry: Accept) -> float:
    return float(entry.bound)


def _largest(held: Iterable[Accept], route: str, measure: str) -> Accept | None:
    """The entry with the largest bound of those that speak of this."""
    fitting = (entry for entry in held if entry.route == route and measure in _COVERED.get(entry.measure, ()))
    return max(fitting, key=_bound, default=None)


def _cell(cell: Cell, entry: Accept | None, slowest: Slowest) -> tuple[Cell, Accept | None]:
    """The cell by this entry, and the entry if it was needed."""
    if entry is None or not cell.blocking or cell.verdict == "pass" or cell.ratio is None:
        return cell, None
    if cell.verdict == "inconclusive" and _within_tolerance(cell):
        # Not its size is in doubt but how many are far slower, of which an entry says nothing.
        return cell, None
    none = 0.0 if cell.measure == "failures" else 1.0
    limit, until = none + _bound(entry), f"taken on until {entry.until.isoformat()}"
    if cell.high is not None and cell.high <= limit:
        if too_many := slowest(cell, entry.bound):
            why = f"{cell.why}; the interval ends within what is {until}, but {too_many}"
            return cell.model_copy(update={"verdict": "inconclusive", "why": why}), None
        why = f"{cell.why}; but the interval ends within what is {until}"
        return cell.model_copy(update={"verdict": "pass", "accepted": entry.why, "why": why}), entry
    if cell.ratio <= limit:
        why = f"{cell.why}; it may be more than is {until}: measure longer, or take on more"
        return cell.model_copy(update={"verdict": "inconclusive", "why": why}), None
    return cell.model_copy(update={"why": f"{cell.why}; it is more than is {until}"}), None


def _within_tolerance(cell: Cell) -> bool:
    return cell.high is not None and cell.tolerance is not None and cell.high < cell.tolerance


def _within(finding: ExactFinding, entry: Accept) -> bool:
    if finding.measure in ("status", "requests"):
        return finding.requests <= _bound(entry) * finding.of
    return finding.candidate - finding.base <= _bound(entry) * max(finding.base, 1.0)


def _concerns(entry: Accept, loosening: Loosening) -> bool:
    if loosening.kind is not None and entry.measure != loosening.kind:
        return False
    # A page of vitals is no route that an entry could name.
    everywhere = loosening.route is None or loosening.kind == "vital"
    return entry.route == (EVERYWHERE if everywhere else loosening.route)


def _record(entry: Accept, on: date, uses: Sequence[str]) -> Acceptance:
    return Acceptance(
        route=entry.route,
        measure=entry.measure,
        bound=_bound(entry),
        until=entry.until.isoformat(),
        why=entry.why,
        holds=entry.holds(on),
        covers=tuple(dict.fromkeys(uses)),
    )
