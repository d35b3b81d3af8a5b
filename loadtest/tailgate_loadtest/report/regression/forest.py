"""The picture of a comparison: each percentile's change with its interval, against what is tolerated."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from tailgate_loadtest.judge.regression.document import Cell, Measure
from tailgate_loadtest.report import show, svg
from tailgate_loadtest.report.plot import Frame
from tailgate_loadtest.report.regression import shown, words
from tailgate_loadtest.report.scale import Scale

_PERCENTILES: tuple[Measure, ...] = ("p50", "p95", "p99")
_LINE, _GAP = 13.0, 11.0
_NAME = 17.0
"""Height of a route's name, where it stands above its lines."""
_LARGEST = 10.0
"""Ratios further from 1 lie at the edge."""
_LEAST = 1.12
"""The axis reaches so far at least."""
_STEPS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1, 1.02, 1.05, 1.1, 1.2, 1.3, 1.5, 2, 3, 5, 10)
_APART = 44.0
"""Room that a label takes along the axis."""
_WORDS = 100.0
"""Room that words beside the change take."""
_MOST_LETTERS = 49
"""Of a route's name."""

Rows = Sequence[tuple[str, Mapping[Measure, Cell]]]
"""Routes and their cells."""


def forest(key: str, rows: Rows, *, wide: bool) -> Markup:
    """A line per percentile of each route: a dot at the change, a bar over its interval, a mark at the tolerance."""
    height, body = 24.0, []
    frame = Frame(width=1120 if wide else 360, height=0, left=400 if wide else 34, right=112 if wide else 66)
    x = _scale(rows, frame)
    for route, cells in rows:
        known = [(m, cells[m]) for m in _PERCENTILES if m in cells and cells[m].ratio is not None]
        name = show.one_line(route, _MOST_LETTERS)
        body.append(svg.text(name, 0, height + (11 if wide else 9), "name"))
        height += 0 if wide else _NAME
        for measure, cell in known:
            body.append(_cell(measure, cell, x, frame, height + _LINE / 2))
            height += _LINE
        height += _GAP
    words_of = "; ".join(f"{route}: {', '.join(map(_words, cells.values()))}" for route, cells in rows)
    return svg.picture(
        key,
        "Change of each percentile, candidate against base",
        show.one_line(words_of, 4000),
        frame.width,
        height,
        _axis(x, frame, height),
        *body,
    )


def mark(cell: Cell) -> Markup | None:
    """One cell by itself, to stand beside its number; None where there is no interval."""
    low, high = shown.bounds(cell)
    if cell.ratio is None or low is None or high is None or cell.tolerance is None:
        return None
    reach = max(abs(each - shown.neutral(cell)) for each in (low, high, cell.tolerance)) * 1.1 or 1.0
    x = Scale(shown.neutral(cell) - reach, shown.neutral(cell) + reach, 2, 118)
    return svg.element(
        "svg",
        svg.element("path", d="M0 8H120", class_="track"),
        svg.element("path", d="M60 3V13", class_="axis"),
        *_drawn(cell, x, 8.0),
        viewBox="0 0 120 16",
        class_=f"bullet {cell.verdict}",
        aria_hidden="true",
    )


def _scale(rows: Rows, frame: Frame) -> Scale:
    known = [
        value
        for _, cells in rows
        for measure, cell in cells.items()
        if measure != "failures"
        for value in (cell.low, cell.high, cell.tolerance, cell.ratio)
        if value is not None and value > 0
    ]
    low = min([1 / _LEAST, *(value / 1.01 for value in known)])
    high = max([_LEAST, *(value * 1.01 for value in known)])
    return Scale(max(low, 1 / _LARGEST), min(high, _LARGEST), frame.x0, frame.x1, log=True)


def _axis(x: Scale, frame: Frame, height: float) -> Markup:
    """Lines up and down at round changes; from no change outwards, so that its own is always there."""
    parts: list[Markup] = []
    taken: list[float] = []
    for ratio in sorted(_STEPS, key=lambda ratio: abs(math.log(ratio))):
        at = x(ratio)
        if x.low <= ratio <= x.high and all(abs(at - other) >= _APART for other in taken):
            taken.append(at)
            line = f"M{at:.1f} 18V{height:.1f}"
            parts.append(svg.element("path", d=line, class_="axis" if ratio == 1 else "grid"))
            parts.append(svg.text(_percent(ratio), at, 11, anchor="middle"))
    return svg.group(*parts)


def _percent(ratio: float) -> str:
    change = round(100 * (ratio - 1))
    return f"{words.MINUS if change < 0 else '+' if change else ''}{abs(change)}{show.NARROW}%"


def _cell(measure: Measure, cell: Cell, x: Scale, frame: Frame, y: float) -> Markup:
    label = svg.text(measure, frame.x0 - 6, y + 4, anchor="end")
    tone = cell.verdict if cell.blocking else "unjudged"
    taken_on = ", taken on" if cell.accepted is not None and frame.right > _WORDS else ""
    change = svg.text(words.change(cell) + taken_on, frame.width, y + 4, "change", anchor="end")
    return svg.group(label, *_drawn(cell, x, y), change, class_=tone)


def _drawn(cell: Cell, x: Scale, y: float) -> list[Markup]:
    """The interval, the tolerance and the change, around the height ``y``."""
    parts = []
    low, high = shown.bounds(cell)
    if low is not None and high is not None:
        width = max(x(high) - x(low), 1)
        parts.append(svg.element("rect", x=x(low), y=y - 3, width=width, height=6, class_="interval"))
    if cell.tolerance is not None:
        parts.append(svg.element("path", d=f"M{x(cell.tolerance):.1f} {y - 5:.1f}v10", class_="limit-mark"))
    if cell.ratio is not None:
        parts.append(svg.element("circle", cx=x(cell.ratio), cy=y, r=3.5, class_="number"))
    return parts


def _words(cell: Cell) -> str:
    return f"{cell.measure} {words.change(cell)} {words.interval(cell)}".rstrip()
