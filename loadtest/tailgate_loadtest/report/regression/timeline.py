"""The picture of how a comparison was loaded: which side got the arrivals when, and when the evidence was judged."""

from markupsafe import Markup

from tailgate_loadtest.judge.regression.document import DesignRecord, Look
from tailgate_loadtest.report import show, svg
from tailgate_loadtest.report.plot import Frame
from tailgate_loadtest.report.scale import Scale, time_ticks

_TOP, _HALF, _FOOT = 16.0, 15.0, 24.0
_ROWS = {"base": (0, 1), "candidate": (1, 1), "both": (0, 2)}


def timeline(key: str, design: DesignRecord, looks: tuple[Look, ...], seconds: float, frame: Frame) -> Markup:
    """Two rows, base above candidate, filled while arrivals go there; a mark at each look at the evidence."""
    end = max([1.0, seconds, *(each.start + each.length for each in design.segments)])
    x = Scale(0, end, frame.x0, frame.x1)
    height = _TOP + 2 * _HALF + _FOOT
    parts = [
        svg.text(name, frame.x0 - 6, _TOP + _HALF * row + 11, anchor="end")
        for row, name in enumerate(("base", "candidate"))
    ]
    for each in design.segments:
        row, rows = _ROWS[each.to]
        parts.append(
            svg.element(
                "rect",
                x=x(each.start),
                y=_TOP + _HALF * row + 1,
                width=max(x(each.start + each.length) - x(each.start) - 0.5, 0.5),
                height=_HALF * rows - 2,
                class_=f"segment {each.to}",
            )
        )
    if design.warmup:
        width = x(design.warmup) - x(0)
        parts.append(svg.element("rect", x=x(0), y=_TOP, width=width, height=2 * _HALF, class_="apart"))
    looked = (f"M{x(look.at):.1f} {_TOP - 4:g}v{2 * _HALF + 8:g}" for look in looks)
    parts += [svg.element("path", d=line, class_="look") for line in looked]
    parts += [
        svg.text(show.moment(at, end), x(at), height - 6, anchor="middle") for at in time_ticks(end, frame.columns)
    ]
    both = sum(each.length for each in design.segments if each.to == "both")
    return svg.picture(
        key,
        "Which side got the arrivals",
        f"Of {show.span(end)}, {show.span(both)} with both sides at once; {len(looks)} looks at the evidence.",
        frame.width,
        height,
        *parts,
    )
