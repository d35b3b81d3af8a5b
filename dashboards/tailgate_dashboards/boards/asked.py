"""Every query of a board: of its panels, annotations and variables, as a reader's Grafana would ask it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .annotations import ANNOTATIONS
from .draw import EVERY
from .panel import Board, Language, Variable
from .visual import ref_id

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_CALL = re.compile(r"(label_values|query_result)\((.*)\)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One query, and where it stands: a panel with the query's letter, an annotation, or a variable.

    ``empty`` says when it has no answer while all is well; without it there always is one when the service has traffic.
    ``first`` is what the board's variables are at first.
    """

    board: str
    place: str
    letter: str = ""
    expr: str
    language: Language = "promql"
    empty: str = ""
    first: Mapping[str, str] = field(default_factory=dict)

    def resolved(self, values: Mapping[str, str]) -> str:
        """The query with its variables replaced by these values, or by what they are at first.

        Grafana's own, ``__rate_interval`` and ``__range``, are nothing at first: KeyError where they are asked for.
        """
        known = {**self.first, **values}
        return _VARIABLE.sub(lambda found: known[found[1] or found[2]], self.expr)


def every_query(board: Board) -> Iterator[Asked]:
    """From the top, panels first."""
    first = {variable.name: _first(variable) for variable in board.variables}
    for panel in board.panels():
        for place, query in enumerate(panel.queries):
            yield Asked(
                board=board.uid,
                place=panel.title,
                letter=ref_id(place),
                expr=query.expr,
                language=query.language,
                empty=query.empty,
                first=first,
            )
    for regions in ANNOTATIONS:
        yield Asked(board=board.uid, place=regions.name, expr=regions.expr, empty=regions.empty, first=first)
    for variable in board.variables:
        if found := _CALL.fullmatch(variable.query):
            expr = found[2].rpartition(",")[0] if found[1] == "label_values" else found[2]
            yield Asked(board=board.uid, place=variable.label, expr=expr, empty=variable.empty, first=first)


def _first(variable: Variable) -> str:
    if variable.choices:
        return variable.choices[0][1]
    return variable.first or EVERY
