"""What a comparison had no eyes for, as warnings: its verdict says nothing of it."""

from collections.abc import Collection, Iterable

from tailgate_loadtest.judge.document import Finding
from tailgate_loadtest.judge.listed import listed
from tailgate_loadtest.judge.regression.document import Cell

_STREAMS = ("WS ", "SSE ")
_OPENED = " connect"
"""How routes of streams begin, and how the one ends by which a stream is asked for: what comes over it is not asked."""


def unseen(cells: Iterable[Cell], asked: Collection[str], objectives: Iterable[Finding]) -> list[str]:
    """Routes of the load of which nothing was ``asked`` one by one, and objectives on what the load never did.

    Those routes are too rare for so few requests; the objectives' task is gone, or its requests go by another name.
    """
    loaded = {cell.route for cell in cells}
    if not loaded:
        return []  # a comparison that saw nothing says so by itself
    requests = {route for route in loaded if not route.startswith(_STREAMS) or route.endswith(_OPENED)}
    found = []
    if unasked := sorted(requests - {*asked}):
        blind = "not compared request for request, so one query more would not be seen"
        found.append(f"{blind}: {listed(unasked)}; give them more of the mix")
    if missing := [each.name for each in objectives if each.missing]:
        found.append(f"objectives of which nothing was measured: {listed(missing)}; see whether a task asks for it")
    return found
