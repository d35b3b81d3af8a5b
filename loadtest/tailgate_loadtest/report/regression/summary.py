"""summary.md: what a CI job shows beneath its steps."""

from collections.abc import Iterable

from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.report import show
from tailgate_loadtest.report.regression import shown, words
from tailgate_loadtest.report.regression.markup import code, folded, plain, table
from tailgate_loadtest.report.regression.sections import sections

MAX_BYTES = 1024 * 1024 - 1
_TIMES = 8
"""How much more there is room for than in a comment."""
_CELLS = 400_000
_HEADS = ("Route", "Measure", "Base", "Candidate", "Change", "Tolerated", "Would show", "p, adjusted", "Samples", "Why")


def summary(document: ComparisonDocument) -> str:
    """All that the comment has, and every number; at most MAX_BYTES."""
    return "\n\n".join([*sections(document, times=_TIMES), _cells(document)]).rstrip() + "\n"


def _cells(document: ComparisonDocument) -> str:
    return folded("Every number", table(_HEADS, _rows(document), _CELLS))


def _rows(document: ComparisonDocument) -> Iterable[Iterable[str]]:
    for cell in shown.worst_first(document.cells):
        yield (
            code(cell.route),
            cell.measure if cell.blocking else f"{cell.measure} (shown only)",
            words.value(cell, cell.base),
            words.value(cell, cell.candidate),
            f"{words.change(cell)} {words.interval(cell)}",
            words.tolerance(cell),
            words.visible(cell),
            words.probability(cell.p_adjusted),
            f"{show.count(cell.samples_base)} and {show.count(cell.samples_candidate)}",
            plain(cell.why),
        )
