"""A calibration in a terminal. Fits 80 columns."""

from collections.abc import Iterable, Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tailgate_loadtest.judge.regression.calibration.rates import Least, alarms_of, least
from tailgate_loadtest.judge.regression.calibration.records import Calibration
from tailgate_loadtest.judge.regression.document import Rates
from tailgate_loadtest.report import show
from tailgate_loadtest.report.calibration import words

_MAX_MOMENTS = 5
_MAX_ROUTES = 60
_MAX_ALARMS = 12
_MAX_REASONS = 3
_LONGEST = 400


def calibration_table(calibration: Calibration, known: Rates | None) -> RenderableType:
    """How often the gates were wrong, when they were decided, and what they would have shown by when.

    Where no gate tells of that, ``known`` is None, and it is said why.
    """
    return Group(
        Text(_line(words.title(calibration)), style="bold"),
        Text(_line(calibration.setting.machine.name), style="dim"),
        Text(),
        *([] if known is None else [*_visible(least(calibration)), *_rates(calibration, known)]),
        *_given_out(calibration),
    )


def moments(found: Sequence[Least], most: int) -> list[float]:
    """Of the moments at which gates were looked at the first, the last, and some between."""
    every = sorted({time for each in found for time, _ in each.points})
    places = np.linspace(0, len(every) - 1, min(most, len(every)))
    return [every[round(place)] for place in places]


def _visible(found: Sequence[Least]) -> Iterable[RenderableType]:
    if not found:
        yield Text("nothing had enough requests to stop a change by: load longer, or at a higher rate", style="yellow")
        return
    shown = moments(found, _MAX_MOMENTS)
    routes = list(dict.fromkeys(each.route for each in found))
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("smallest visible\nregression after", ratio=1, overflow="fold")
    table.add_column("", no_wrap=True)
    for moment in shown:
        table.add_column(show.plain(show.moment(moment, shown[-1])), justify="right", no_wrap=True)
    for route in routes[:_MAX_ROUTES]:
        for place, each in enumerate(one for one in found if one.route == route):
            points = dict(each.points)
            cells = (words.visible(each.measure, points.get(moment)).replace(show.NARROW, "") for moment in shown)
            table.add_row(Text(_line(route) if not place else ""), each.measure, *cells)
    yield table
    if len(routes) > _MAX_ROUTES:
        yield Text(f"and {len(routes) - _MAX_ROUTES} more routes, in the picture")
    yield Text()


def _rates(calibration: Calibration, known: Rates) -> Iterable[RenderableType]:
    alarms = alarms_of(calibration)
    style = "bold red" if known.false_alarms_low > calibration.setting.error_rate else "bold"
    yield Text.assemble((_line(words.headline(known)), style), f"  {_line(words.promised(calibration))}")
    yield _indented(words.worth(calibration, known))
    yield _indented(f"inconclusive: {words.inconclusive(known)}")
    undecided = (gate for gate in calibration.judged if gate.verdict == "inconclusive")
    yield from (_indented(f"  {reason}", style="dim") for reason in words.commonest(undecided, _MAX_REASONS))
    if said := words.when(calibration):
        middle, longest = float(np.median(said)), said[-1]
        yield _indented(
            f"decided: {len(said)}, half of them within {show.span(middle)}, all within {show.span(longest)}"
        )
    for gate in alarms[:_MAX_ALARMS]:
        yield _indented(f"! {gate.id}: {words.why(gate)}", style="yellow")
    if len(alarms) > _MAX_ALARMS:
        yield _indented(f"and {len(alarms) - _MAX_ALARMS} more, in the picture")


def _given_out(calibration: Calibration) -> Iterable[RenderableType]:
    if told := words.gave_out(calibration):
        yield Text(told, style="yellow")
        yield from (_indented(reason) for reason in words.commonest(calibration.aborted, _MAX_REASONS))


def _indented(line: str, style: str = "") -> Padding:
    return Padding(Text(_line(line), style=style), (0, 0, 0, 2))


def _line(text: str) -> str:
    return show.plain(show.one_line(text, _LONGEST))
