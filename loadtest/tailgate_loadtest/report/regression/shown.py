"""What of a comparison is shown, and in which order: the worst first, and what stops the change apart from the rest."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from tailgate_loadtest.judge.document import Finding, Outcome
from tailgate_loadtest.judge.regression.document import Acceptance, Cell, ComparisonDocument, ExactFinding, Measure
from tailgate_loadtest.report import words

_WORST: tuple[Outcome, ...] = ("fail", "inconclusive", "pass")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A route that stops the change: its cells, the largest change first, what was counted of it, and why it is so."""

    route: str
    cells: tuple[Cell, ...]
    exact: tuple[ExactFinding, ...]

    @property
    def causes(self) -> tuple[str, ...]:
        """Of all that got worse, each once."""
        found = [*(cell.causes for cell in self.cells), *(finding.causes for finding in self.exact)]
        return tuple(dict.fromkeys(chain.from_iterable(found)))


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
    """The verdict's reasons, where what is told of routes and loosened objectives does not say them already."""
    told = troubles(document) or any(each.accepted is None for each in document.loosened)
    if document.verdict == "pass":
        return ()
    if document.verdict == "fail" and told:
        # What a side died of is what it is slow by, and fails by.
        return (document.aborted,) if document.aborted is not None else ()
    return document.reasons


def better(document: ComparisonDocument) -> list[Cell]:
    """The cells that improved by more than the tolerance, the largest change first."""
    return sorted((c for c in document.cells if _improved(c)), key=lambda c: change_of(c) or 0.0)


def worst_first(cells: Iterable[Cell]) -> list[Cell]:
    """Cells, the worse and undecided ones before the others, those that block before those only shown."""
    return sorted(cells, key=lambda c: (not c.blocking, _WORST.index(c.verdict), *_by_change(c)))


def routes(document: ComparisonDocument) -> list[str]:
    """Every route that has a cell, or of which something was counted that stops the change; the worst first."""
    cells = worst_first(document.cells)
    return list(dict.fromkeys([*(c.route for c in cells if stops(c)), *counted(document), *(c.route for c in cells)]))


def counted(document: ComparisonDocument) -> dict[str, list[ExactFinding]]:
    """What was counted and stops the change, by route; of each measure what was found first."""
    found: dict[str, dict[str, ExactFinding]] = {}
    for finding in filter(stops, document.exact):
        found.setdefault(finding.route, {}).setdefault(finding.measure, finding)
    return {route: list(findings.values()) for route, findings in found.items()}


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


def bounds(cell: Cell) -> tuple[float | None, float | None]:
    """The interval, within what can be: shares differ by no more than the whole."""
    if cell.measure != "failures":
        return cell.low, cell.high
    return None if cell.low is None else max(cell.low, -1.0), None if cell.high is None else min(cell.high, 1.0)


def missed(document: ComparisonDocument) -> list[Finding]:
    """The candidate's objectives that this load misses; whether they are kept is for a run of its own to say."""
    return [finding for finding in document.objectives if finding.verdict == "fail"]


def notable(document: ComparisonDocument) -> list[Acceptance]:
    """The entries that this change needs, and those that have expired."""
    return [entry for entry in document.accepts if entry.covers or not entry.holds]


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
