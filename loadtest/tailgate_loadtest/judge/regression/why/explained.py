"""What got worse, with why: the causes of cells that fail, and the statements of queries that were counted."""

from collections.abc import Callable, Mapping

from tailgate_loadtest.judge.regression.document import Cell, ExactFinding
from tailgate_loadtest.judge.regression.why.causes import causes, more_queries
from tailgate_loadtest.judge.regression.why.evidence import Evidence

Cells = tuple[Cell, ...]
Findings = tuple[ExactFinding, ...]
Sides = tuple[Mapping[str, Evidence], Mapping[str, Evidence]]
"""What is known of each route, of the base and of the candidate."""


def explained(cells: Cells, exact: Findings, known: Callable[[], Sides]) -> tuple[Cells, Findings]:
    """The same with their causes; what is known is asked for only where something got worse, since it is much to read.

    Raises whatever ``known`` does.
    """
    failed = {cell.route for cell in cells if cell.verdict == "fail"}
    # Where a time got worse as well, its causes name the queries.
    counted = {each.route for each in exact if _is_of_queries(each)} - failed
    if not failed and not counted:
        return cells, exact
    base, candidate = known()
    told = base.keys() & candidate.keys()

    def cell_with(cell: Cell) -> Cell:
        if cell.verdict != "fail" or cell.route not in told:
            return cell
        return cell.model_copy(update={"causes": causes(cell.measure, base[cell.route], candidate[cell.route])})

    def finding_with(finding: ExactFinding) -> ExactFinding:
        if not _is_of_queries(finding) or finding.route not in counted & told:
            return finding
        which = more_queries(base[finding.route], candidate[finding.route])
        return finding.model_copy(update={"causes": (which,)}) if which else finding

    return tuple(map(cell_with, cells)), tuple(map(finding_with, exact))


def _is_of_queries(finding: ExactFinding) -> bool:
    return finding.worse and finding.measure == "queries"
