"""Follows every request from the moment it is due to its last byte, whatever client made it.

Two hooks suffice. A client with a ``request`` method (HttpUser's, FastHttpUser's, and their kin) has that method
wrapped on the instance, so that what is in flight is known. Locust's own ``request`` event tells how it ended, for
these clients and for any other that fires it. The number of a flight travels from one to the other in Locust's context.
"""

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gevent
from locust import User

from tailgate_loadtest.measure.recorder import Recorder

_CONTEXT_KEY = "tailgate_flight"
_VISIT = "_tailgate_visit"
_MAX_ROUTE = 200


@dataclass(slots=True)
class Visit:
    """Where one user stands."""

    persona: str
    setup: bool = True
    """Still in ``on_start``: its requests are not judged."""
    due: float | None = None
    """When its next request is due; None: at its send."""
    ended: float = 0.0
    """When its last request ended."""


@dataclass(slots=True)
class Flight:
    """A request that has no outcome yet."""

    route: str
    due: float
    sent: float
    setup: bool
    answered: bool = False
    """The client returned, but the locustfile has not yet said whether the answer is a good one."""


def visit_of(user: User) -> Visit | None:
    """Where a user of this engine stands; None under plain Locust."""
    visit: Visit | None = getattr(user, _VISIT, None)
    return visit


class Tracker:
    """All users' requests; times are seconds since ``start``, negative before it."""

    def __init__(self, recorder: Recorder, headers: Mapping[str, str]) -> None:
        self._recorder = recorder
        self._headers = dict(headers)
        self._numbers = itertools.count()
        self._flights: dict[int, Flight] = {}
        self._visits: dict[int, Visit] = {}
        self._start = time.perf_counter()
        self._ended = False
        self.routes: dict[str, set[str]] = defaultdict(set)
        """Per persona, the routes it is known to request."""
        self.recent: list[float] = []
        """Response times since the last look, in seconds; who looks empties it."""
        self.requests = 0
        self.failed = 0

    def start(self) -> None:
        """The load begins now."""
        self._start = time.perf_counter()

    def now(self) -> float:
        """Seconds since the load began."""
        return time.perf_counter() - self._start

    def enter(self, user: User) -> Visit:
        """A user begins its ``on_start``."""
        visit = Visit(type(user).__name__)
        setattr(user, _VISIT, visit)
        self._visits[id(gevent.getcurrent())] = visit
        client = getattr(user, "client", None)
        if callable(getattr(client, "request", None)):
            self._follow(client, visit)
        return visit

    def leave(self, greenlet: gevent.Greenlet) -> None:
        """A user's greenlet has ended."""
        self._visits.pop(id(greenlet), None)

    def open_flights(self) -> list[Flight]:
        """The requests that wait for an answer now."""
        return [flight for flight in self._flights.values() if not flight.answered]

    def end(self) -> int:
        """The drain is over: what is still in flight is censored, and nothing later counts. Returns how many."""
        now, self._ended = self.now(), True
        hanging = [flight for flight in self.open_flights() if not flight.setup]
        for flight in hanging:
            self._recorder.censored(flight.route, flight.due, now - flight.due)
        return len(hanging)

    def unstarted(self, persona: str, due: float) -> None:
        """An arrival that never got a user: as bad as hanging, on every route its persona is known to request."""
        for route in self.routes[persona]:
            self._recorder.censored(route, due, self.now() - due)

    def _follow(self, client: Any, visit: Visit) -> None:
        original: Callable[..., Any] = client.request

        def request(method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            number, now = next(self._numbers), self.now()
            due = now if visit.due is None else visit.due
            visit.due = None
            name = kwargs.get("name") or getattr(client, "request_name", None) or url
            flight = self._flights[number] = Flight(route_name(method, name), due, now, visit.setup)
            if not visit.setup:
                self.routes[visit.persona].add(flight.route)
            kwargs["context"] = {**(kwargs.get("context") or {}), _CONTEXT_KEY: number}
            if self._headers:
                kwargs["headers"] = {**self._headers, **(kwargs.get("headers") or {})}
            try:
                response = original(method, url, *args, **kwargs)
            except BaseException as error:
                # The request was begun and brought no event: a time-out of the locustfile's own, a bad address.
                if self._flights.pop(number, None) and not isinstance(error, gevent.GreenletExit):
                    self._count(flight, visit, self.now() - flight.sent, type(error).__name__)
                raise
            flight.answered = True
            return response

        client.request = request

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float,
        exception: BaseException | None = None,
        context: Mapping[str, Any] | None = None,
        response: Any = None,
        **_: Any,
    ) -> None:
        """Locust's request event; ``response_time`` is in milliseconds."""
        visit = self._visits.get(id(gevent.getcurrent()))
        service = (response_time or 0.0) / 1000
        flight = self._flights.pop((context or {}).get(_CONTEXT_KEY, -1), None)
        if flight is None:
            sent = self.now() - service
            due = sent if visit is None or visit.due is None else visit.due
            flight = Flight(route_name(request_type, name), due, sent, visit is not None and visit.setup)
            if visit is not None:
                visit.due = None
                self.routes[visit.persona].add(flight.route)
        else:
            # The name may be given late, by the locustfile or by a redirect.
            flight.route = route_name(request_type, name)
        self._count(flight, visit, service, _error(exception, response) if exception else None)

    def _count(self, flight: Flight, visit: Visit | None, service: float, error: str | None) -> None:
        if visit is not None:
            visit.ended = flight.sent + service
        if self._ended:
            return
        if flight.setup:
            self._recorder.setup(flight.route, flight.sent, service, error)
            return
        response = max(flight.sent - flight.due, 0.0) + service
        self.requests += 1
        self.recent.append(response)
        if error is None:
            self._recorder.success(flight.route, flight.due, response, service)
        else:
            self.failed += 1
            self._recorder.failure(flight.route, flight.due, response, error)


def route_name(method: str, name: str) -> str:
    """The route of a request by its method and its name or path, without the query."""
    # Query values may be anybody's data; they never enter a bundle.
    return f"{method} {str(name).partition('?')[0]}"[:_MAX_ROUTE]


def _error(exception: BaseException, response: Any) -> str:
    # The kind alone: an exception's text may hold a body or an address with its query.
    status = getattr(response, "status_code", 0) or 0
    if status >= 400:
        return f"HTTP {status}"
    if type(exception).__name__ == "CatchResponseError":
        return "marked as failed by the locustfile"
    cause = getattr(exception, "args", None)
    inner = cause[0] if cause and isinstance(cause[0], BaseException) else exception
    return type(inner).__name__
