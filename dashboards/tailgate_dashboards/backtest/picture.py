"""A backtest as a picture: a row for each objective, its burn rate over time before its pages and tickets."""

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

import numpy as np
from tailgate_slo.budget import error_budget

from .replay import Firing
from .study import Replayed

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _PLOT = 1000, 12, 988, 40, 88, 52
_HOUR, _DAY = 3_600.0, 86_400.0
# Burn rates at a row's foot and top; between them the scale is logarithmic.
_LOW, _HIGH = 0.1, 1_000.0
_DAYS_BETWEEN_TICKS = (1, 2, 7, 14, 28, 56, 112)
_MOST_TICKS = 14
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2329 }
.small { font-size: 11px; fill: #5b6470 }
.end { text-anchor: end }
.middle { text-anchor: middle }
.rule { stroke: #d5d9df }
.even { stroke: #5b6470; stroke-dasharray: 4 3 }
.burn { fill: none; stroke: #1f4e8c; stroke-width: 1.5 }
.ticket { fill: #f5d98a }
.page { fill: #ee8a91 }
"""


def picture(rows: Sequence[Replayed]) -> str:
    """The picture as SVG that stands by itself, the same text for the same rows, of which there is one at least.

    The line is the burn rate over an hour, the highest in each pixel. At 1, the dashed line, the budget lasts exactly
    its period.
    """
    begin, end = rows[0].begin, rows[0].end
    height = _TOP + _ROW * len(rows) + 20
    size = {"width": f"{_WIDTH}", "height": f"{height}", "viewBox": f"0 0 {_WIDTH} {height}"}
    root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", **size})
    title = f"Alerts from {_day(begin)} to {_day(end)} (UTC)"
    _add(root, "title", title)
    _add(root, "style", _STYLE)
    _add(root, "rect", width=_WIDTH, height=height, fill="#fff")
    _add(root, "text", title, x=_LEFT, y=20)
    for left, kind in ((_RIGHT - 256, "page"), (_RIGHT - 196, "ticket")):
        _add(root, "rect", x=left, y=11, width=10, height=10, class_=kind)
        _add(root, "text", kind, x=left + 15, y=20, class_="small")
    _add(root, "line", x1=_RIGHT - 132, x2=_RIGHT - 112, y1=16, y2=16, class_="burn")
    _add(root, "text", "burn rate, dashed: 1", x=_RIGHT, y=20, class_="small end")
    for i, row in enumerate(rows):
        _row(root, row, _TOP + i * _ROW)
    for moment in _midnights(begin, end):
        place = _x(moment, begin, end)
        _add(root, "text", _day(moment), x=min(max(place, 45), _WIDTH - 45), y=height - 6, class_="small middle")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _row(root: ElementTree.Element, row: Replayed, top: int) -> None:
    foot = top + 20 + _PLOT
    _add(root, "text", row.slo.display_name, x=_LEFT, y=top + 12)
    _add(
        root,
        "text",
        f"pages: {row.outcome.pages}, tickets: {row.outcome.tickets}",
        x=_RIGHT,
        y=top + 12,
        class_="small end",
    )
    # Tickets first: a page within one lies over it.
    for firing in sorted(row.outcome.firings, key=lambda each: each.severity, reverse=True):
        left, right = (_x(moment, row.begin, row.end) for moment in (firing.start, firing.end))
        width = max(right - left, 1.5)
        band = _add(root, "rect", x=left, y=foot - _PLOT, width=width, height=_PLOT, class_=firing.severity)
        _add(band, "title", _spoken(firing))
    _add(root, "line", x1=_LEFT, x2=_RIGHT, y1=foot, y2=foot, class_="rule")
    _add(root, "line", x1=_LEFT, x2=_RIGHT, y1=_y(1.0, foot), y2=_y(1.0, foot), class_="even")
    _add(root, "path", d=_path(row, foot), class_="burn")


def _path(row: Replayed, foot: int) -> str:
    """The line of the burn rate over an hour, broken where there was no event; at most a point in each pixel."""
    history = row.history.since(row.begin)
    share, events = row.history.ratio(_HOUR)
    first = len(share) - len(history.all)
    burn = np.where(events > 0, share / float(error_budget(row.slo.target)), np.nan)[first:]
    words, drawing = [], False
    for part in np.array_split(np.arange(len(burn)), min(len(burn), _RIGHT - _LEFT)):
        known = burn[part][~np.isnan(burn[part])]
        if len(known):
            at = _x(float(history.ends[part[-1]]), row.begin, row.end)
            words.append(f"{'L' if drawing else 'M'}{at:.1f} {_y(float(known.max()), foot):.1f}")
        drawing = len(known) > 0
    return " ".join(words)


def _x(moment: float, begin: float, end: float) -> float:
    share = (moment - begin) / (end - begin)
    return _LEFT + min(max(share, 0.0), 1.0) * (_RIGHT - _LEFT)


def _y(rate: float, foot: int) -> float:
    rate = min(max(rate, _LOW), _HIGH)
    return foot - _PLOT * math.log(rate / _LOW) / math.log(_HIGH / _LOW)


def _midnights(begin: float, end: float) -> Iterator[float]:
    apart = _DAY * next((n for n in _DAYS_BETWEEN_TICKS if (end - begin) / _DAY / n <= _MOST_TICKS), 112)
    moment = math.ceil(begin / _DAY) * _DAY
    while moment <= end:
        yield moment
        moment += apart


def _day(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%d")


def _spoken(firing: Firing) -> str:
    start, end = (dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M") for at in (firing.start, firing.end))
    return f"{firing.severity}: {start} to {end}, burn rate up to {firing.worst:.1f}"


def _add(parent: ElementTree.Element, tag: str, content: str = "", **attributes: str | float) -> ElementTree.Element:
    """A child, whose attribute ``class_`` is class."""
    child = ElementTree.SubElement(parent, tag)
    for key, value in attributes.items():
        child.set(key.rstrip("_"), f"{value:.1f}" if isinstance(value, float) else str(value))
    # What XML has no way to write is left out.
    child.text = "".join(each for each in content if each.isprintable() or each == "\n") or None
    return child
