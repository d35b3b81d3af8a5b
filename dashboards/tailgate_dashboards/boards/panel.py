"""What a board says, as values; ``draw`` makes Grafana's model of it.

Widths and heights are Grafana's: a board is 24 columns wide, and a row of its grid is 38 pixels high with its gap.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Kind = Literal["graph", "stat", "table", "states", "heatmap"]
Language = Literal["promql", "traceql"]


class Color(StrEnum):
    """Colours by what they say, under Grafana's names of them."""

    GOOD = "green"
    WORSE = "orange"
    BAD = "red"
    PLAIN = "blue"
    QUIET = "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """From ``value`` on a value has this colour; None is everything below the first."""

    value: float | None = None
    color: Color


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What a value is shown as."""

    value: str
    text: str
    color: Color | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """How a query of a table is shown: under which header, in which unit."""

    header: str
    unit: str
    levels: tuple[Level, ...] = ()
    meanings: tuple[Meaning, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """A label that is a column of a table, the header it is shown under, and what its values are shown as."""

    name: str
    header: str
    meanings: tuple[Meaning, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """What is asked.

    ``line`` draws the answer as a limit. ``exemplars`` asks for the traces behind it, too. ``empty`` says when there
    is no answer while all is well; without it there always is one when the service has traffic. In a table, a query
    without a ``column`` brings its labels alone.
    """

    expr: str
    legend: str = ""
    language: Language = "promql"
    line: bool = False
    exemplars: bool = False
    column: Column | None = None
    empty: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Where a value of a field leads: to a board, with the time and the variables of this one.

    ``variable`` is set to the value.
    """

    field: str
    title: str
    board: str
    variable: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One panel. Its description says what to do when it is bad.

    ``levels`` colour values; with ``banded`` they are the areas of a graph. ``labels`` are a table's first columns, and
    ``sort`` is the header it is sorted by, largest first. ``since`` shows so much time up to now, not the board's.
    ``every`` is the least time between two points of a graph.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = "graph"
    width: int = 12
    height: int = 8
    levels: tuple[Level, ...] = ()
    banded: bool = False
    stacked: bool = False
    least: float | None = None
    most: float | None = None
    decimals: int | None = None
    meanings: tuple[Meaning, ...] = ()
    labels: tuple[Label, ...] = ()
    sort: str = ""
    since: str | None = None
    every: str | None = None
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Panels under one heading, laid out from left to right."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """What a reader chooses.

    ``kind`` is what the values come from: a query, the data sources of a type, or the pairs of text and value in
    ``choices``. With ``several``, any number of values can be chosen, and all are at first. ``first`` is the value
    before the query is answered; ``empty`` says when it has no answer while all is well.
    """

    name: str
    label: str
    kind: Literal["query", "datasource", "choice"] = "query"
    query: str = ""
    regex: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    several: bool = False
    newest_first: bool = False
    hidden: bool = False
    first: str = ""
    empty: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """A board; ``uid`` is its address and the name of its file."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    since: str = "now-1h"

    def panels(self) -> tuple[Panel, ...]:
        """All panels, from the top."""
        return tuple(panel for row in self.rows for panel in row.panels)
