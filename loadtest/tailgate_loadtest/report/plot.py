"""The frame of a chart: axes, grid, the time before and after the plan, and what a pointer reads from it."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tailgate_loadtest.report import show, svg
from tailgate_loadtest.report.scale import Scale, log_ticks, spread, ticks, time_ticks
from tailgate_loadtest.report.series import Span

LINE_HEIGHT = 13.0
Steps = Callable[[float, int], list[float]]
"""Round values up to one that is not below the first argument, about so many as the second."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A picture's size and the margins around its plot, in pixels."""

    width: float
    height: float
    left: float = 46
    right: float = 40
    top: float = 24
    bottom: float = 22

    @property
    def x0(self) -> float:
        """The plot's left edge."""
        return self.left

    @property
    def x1(self) -> float:
        """The plot's right edge."""
        return self.width - self.right

    @property
    def y0(self) -> float:
        """The plot's lower edge."""
        return self.height - self.bottom

    @property
    def y1(self) -> float:
        """The plot's upper edge."""
        return self.top

    @property
    def columns(self) -> int:
        """How many labels fit along the x axis."""
        return max(int((self.x1 - self.x0) // 62), 2)

    @property
    def rows(self) -> int:
        """How many labels fit along the y axis."""
        return max(int((self.y0 - self.y1) // 34), 2)


WIDE = Frame(width=1120, height=320)
NARROW = Frame(width=360, height=260, right=42)
SMALL = Frame(width=350, height=190, right=34)


def both(draw: Callable[[str, Frame], Markup], key: str, wide: Frame = WIDE, narrow: Frame = NARROW) -> Markup:
    """One chart drawn for wide pages and for narrow ones; the page shows that which fits."""
    return Markup("").join(
        (
            Markup('<div class="wide">{}</div>').format(draw(f"{key}-wide", wide)),
            Markup('<div class="narrow">{}</div>').format(draw(f"{key}-narrow", narrow)),
        )
    )


def upward(frame: Frame, high: float, steps: Steps = ticks) -> Scale:
    """A straight axis from 0 that holds ``high`` and ends at the last value that this frame has room to write."""
    return Scale(0, steps(high, frame.rows)[-1], frame.y0, frame.y1)


def y_axis(frame: Frame, y: Scale, unit: str, write: Callable[[float], str], steps: Steps = ticks) -> Markup:
    """The values along the left edge, with a line across for each; ``unit`` stands above.

    A straight axis is one of :func:`upward`, by the same ``steps``; any other might end before its last value.
    """
    values = log_ticks(y.low, y.high) if y.log else steps(y.high, frame.rows)
    parts = [svg.text(unit, 0, 11, "unit")]
    for value in values:
        at = y(value)
        parts.append(svg.element("path", d=f"M{frame.x0:g} {at:.1f}H{frame.x1:g}", class_="grid"))
        parts.append(svg.text(write(value), frame.x0 - 6, at + 4, anchor="end"))
    return svg.group(*parts)


def apart(frame: Frame, x: Scale, span: Span) -> Markup:
    """A shade over what lies before and after the plan's stages."""
    return svg.group(
        *(
            svg.element(
                "rect", x=x(low), y=frame.y1, width=x(high) - x(low), height=frame.y0 - frame.y1, class_="apart"
            )
            for low, high, _ in _apart(span)
        )
    )


def time_axis(frame: Frame, x: Scale, span: Span) -> Markup:
    """The moments along the lower edge, and the names of the shades; drawn over what the plot shows."""
    parts = [
        svg.text(name, (x(low) + x(high)) / 2, frame.y0 - 6, "faint", "middle")
        for low, high, name in _apart(span)
        if x(high) - x(low) > 7 * len(name)
    ]
    parts += [
        svg.text(show.moment(value, span.seconds), x(value), frame.height - 6, anchor="middle")
        for value in time_ticks(span.seconds, frame.columns)
    ]
    parts.append(svg.element("path", d=f"M{frame.x0:g} {frame.y0:g}H{frame.x1:g}", class_="axis"))
    return svg.group(*parts)


def _apart(span: Span) -> list[tuple[float, float, str]]:
    return [(0.0, span.measured_from, "warm-up"), (span.measured_to, span.seconds, "drain")]


def end_labels(frame: Frame, labels: Sequence[tuple[str, float, str]]) -> Markup:
    """Names beside the ends of lines: (name, the line's last y, class), moved apart where they would touch."""
    places = spread([y for _, y, _ in labels], LINE_HEIGHT, frame.y1, frame.y0)
    return svg.group(
        *(
            svg.text(name, frame.x1 + 5, place + 4, f"label {class_}")
            for (name, _, class_), place in zip(labels, places, strict=True)
        )
    )


def limits(frame: Frame, y: Scale, marks: Iterable[tuple[float, str]]) -> Markup:
    """Lines across the plot at values that must not be passed, each with its label, which keeps off the next line."""
    parts, above, taken = [], -math.inf, -math.inf
    for value, label in sorted(marks, reverse=True):
        at = y(value)
        parts.append(svg.element("path", d=f"M{frame.x0:g} {at:.1f}H{frame.x1:g}", class_="limit"))
        free = at - above >= LINE_HEIGHT + 4 and at - 5 - taken >= LINE_HEIGHT
        place = at - 5 if free else max(at + 12, taken + LINE_HEIGHT)
        parts.append(svg.text(label, frame.x1 - 4, place, "limit-label", "end"))
        above, taken = at, place
    return svg.group(*parts)


def readout(frame: Frame, columns: Iterable[tuple[float, float, str]]) -> Markup:
    """What a pointer over a column (left, right, text) reads, above the plot; it needs no script."""
    height = frame.y0 - frame.y1
    return svg.group(
        *(
            svg.group(
                # An empty title of its own keeps the picture's name from popping up.
                svg.element("title"),
                svg.element("rect", x=left, y=frame.y1, width=max(right - left, 0.5), height=height),
                svg.text(words, frame.width, 11, anchor="end"),
                class_="hit",
            )
            for left, right, words in columns
        )
    )
