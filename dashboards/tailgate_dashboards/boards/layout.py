"""Where panels lie: Grafana's grid is 24 columns wide."""

from collections.abc import Iterable, Iterator

from .panel import Panel, Row

COLUMNS = 24


def placed(rows: Iterable[Row]) -> Iterator[tuple[Row | Panel, int, int]]:
    """Each heading and panel with its column and its line, from left to right and from the top."""
    top = 0
    for row in rows:
        yield row, 0, top
        top, left, tallest = top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            yield panel, left, top
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
