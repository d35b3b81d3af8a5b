"""SVG as text: elements whose every attribute and text is escaped, and the paths of lines and areas."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from tailgate_loadtest.report.show import clean

Point = tuple[float, float]
Points = Sequence[Point | None]
"""None is a gap."""


def element(name: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """An element; a child that is not markup is text. ``class_`` is class, ``text_anchor`` is text-anchor."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    content = "".join(escape(clean(child) if not isinstance(child, Markup) else child) for child in children)
    return Markup(f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>")  # noqa: S704 - escaped


def group(*children: Markup, **attributes: str | float | None) -> Markup:
    """Elements together."""
    return element("g", *children, **attributes)


def text(content: str, x: float, y: float, class_: str | None = None, anchor: str | None = None) -> Markup:
    """A line of text; ``anchor`` is start, middle or end."""
    return element("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def line(points: Points, class_: str) -> Markup:
    """A line through points, broken at gaps; a point alone is a dot."""
    return element("path", d=" ".join(_run(run) for run in _runs(points)), class_=f"line {class_}")


def area(points: Points, base: float, class_: str) -> Markup:
    """The surface between a line and a base."""
    shapes = []
    for run in _runs(points):
        corners = [(run[0][0], base), *run, (run[-1][0], base)]
        shapes.append(_run(corners) + "z")
    return element("path", d=" ".join(shapes), class_=f"area {class_}")


def picture(key: str, title: str, description: str, width: float, height: float, *children: Markup) -> Markup:
    """A whole picture with its name and description for those who do not see it; ``key`` is unique on the page."""
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        *children,
        viewBox=f"0 0 {_value(width)} {_value(height)}",
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def _runs(points: Points) -> Iterable[list[Point]]:
    run: list[Point] = []
    for point in [*points, None]:
        if point is not None:
            run.append(point)
        elif run:
            yield run
            run = []


def _run(points: Sequence[Point]) -> str:
    first, *rest = (f"{_value(x)} {_value(y)}" for x, y in points)
    return f"M{first}" + ("L" + " ".join(rest) if rest else "h0")


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return clean(value)
    written = f"{value:.1f}".removesuffix(".0")
    return "0" if written == "-0" else written
