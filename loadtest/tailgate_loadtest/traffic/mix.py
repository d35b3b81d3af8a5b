"""Which routes production was asked for, how often, and what a load needs before it can ask for them, too."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tailgate_loadtest.traffic.series import Series

MAX_ROUTES = 200
PARAMETER = re.compile(r"\{([^{}]+)\}")
_BODIES = ("POST", "PUT", "PATCH")
_QUERIED = 0.5
"""From this share of requests with a query on, a route is taken to mean little without one."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One route of the mix."""

    method: str
    template: str
    requests: float
    queried: float | None
    """The share of its requests that bore a query; None when that is not known."""

    @property
    def name(self) -> str:
        """As objectives and reports call it."""
        return f"{self.method} {self.template}"

    @property
    def needs(self) -> tuple[str, ...]:
        """What has to be given before it can be asked for; empty for what is ready."""
        needs = []
        if PARAMETER.search(self.template):
            needs.append("data")
        if self.method in _BODIES:
            needs.append("a body")
        if self.method == "DELETE":
            needs.append("something to delete")
        if self.queried is not None and self.queried >= _QUERIED:
            needs.append("a query")
        return tuple(needs)


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Every request of a stretch of time: on a route, or under the reason why it is on none."""

    routes: tuple[Route, ...]
    """The most requested first; at most ``MAX_ROUTES``."""
    left_out: Mapping[str, float]
    """Reason -> requests."""
    over: str
    """What it was counted over, in words."""

    @property
    def requests(self) -> float:
        """On all routes."""
        return sum(route.requests for route in self.routes)

    def share(self, route: Route) -> float:
        """Of the requests on any route."""
        return route.requests / self.requests


class Source(Protocol):
    """Where production's traffic is read from."""

    def series(self) -> Series:
        """When it was asked, and how much. Raises TrafficError."""

    def mix(self, stretch: Series) -> Mix:
        """What it was asked in a stretch of that series. Raises TrafficError."""

    def notes(self) -> list[str]:
        """What to know about where the numbers are from, in sentences without anybody's data."""


def mixed(routes: list[Route], left_out: Mapping[str, float], over: str) -> Mix:
    """A mix of the most requested of these routes."""
    ranked = sorted((route for route in routes if route.requests > 0), key=lambda route: (-route.requests, route.name))
    reasons = {reason: count for reason, count in left_out.items() if count > 0}
    if rest := ranked[MAX_ROUTES:]:
        reasons[f"on {len(rest)} more routes than {MAX_ROUTES}"] = sum(route.requests for route in rest)
    return Mix(routes=tuple(ranked[:MAX_ROUTES]), left_out=reasons, over=over)
