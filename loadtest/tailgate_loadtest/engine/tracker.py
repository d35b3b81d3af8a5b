"""Follows every request from the moment it is due to its last byte, whatever client made it.

Clients tell of what they send, and some of how that ended (``engine/watch.py``). Of the others Locust's own ``request``
event tells it, and of whatever else fires it. The number of a flight travels from one to the other in Locust's context.
"""

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import gevent
from locust import TaskSet, User

from tailgate_loadtest.engine.naming import Naming, same_path
from tailgate_loadtest.engine.outcome import error_name, route_name
from tailgate_loadtest.engine.visit import Visit, begin_visit, visit_of
from tailgate_loadtest.measure.recorder import Answer, Recorder

CONTEXT_KEY = "tailgate_flight"
"""Where a flight's number travels in Locust's request context."""
COUNTED = -2
"""In its place: the request is counted already, and the event is for others."""
_NUMBERS = itertools.count()
"""Of flights: one for all trackers of a process, since an event says whose it is by nothing else."""


@dataclass(slots=True)
class Flight:
    """A request that has no outcome yet."""

    visit: Visit | None
    route: str
    due: float
    sent: float
    setup: bool
    service: float | None = None
    """From the send to the answer, once there is one."""
    error: str | None = None
    """What the answer is by its status alone."""
    unnamed: str | None = None
    """Its address, where the locustfile gave it no name."""
    waited: float = 0.0
    """Seconds for which its arrival waited for a user."""
    answer: Answer | None = None
    """What has come, where its client times its steps."""


class Tracker:
    """All users' requests; times are seconds since ``start``, negative before it."""

    def __init__(
        self,
        recorder: Recorder,
        failed: Callable[[BaseException], None],
        naming: Naming,
        host: str | None = None,
    ) -> None:
        """Be ready to follow; ``host`` is the address of one side, where another tracker follows those of the other."""
        self._host = host
        self._recorder = recorder
        self._naming = naming
        self._failed = failed
        self.flights: dict[int, Flight] = {}
        """Those without an outcome, by their numbers."""
        # By the greenlet a user runs in: an event says who fired it by nothing else.
        self._visits: WeakKeyDictionary[Any, Visit] = WeakKeyDictionary()
        self._users: WeakSet[User] = WeakSet()
        self.began = time.perf_counter()
        """When the load began, by ``time.perf_counter``."""
        self._ended = False
        self.requests = 0
        """Those with an outcome, set-up apart."""
        self.failed = 0
        self.unanswered = 0
        """Those that were censored."""

    def start(self, now: float) -> None:
        """The load begins at this moment, by ``time.perf_counter``."""
        self.began = now

    def now(self) -> float:
        """Seconds since the load began."""
        return time.perf_counter() - self.began

    def enter(self, user: User) -> Visit:
        """A user begins its ``on_start``."""
        visit = begin_visit(user)
        self._visits[gevent.getcurrent()] = visit
        self._users.add(user)
        return visit

    def begin(self, visit: Visit, due: float, waited: float) -> None:
        """A user begins an arrival that was due at that moment and ``waited`` seconds for it, its last one done."""
        self._settle(visit)
        self._recorder.begun(visit.persona)
        visit.arrived, visit.due, visit.waited = True, due, waited

    def withdraw(self, user: User) -> None:
        """A user begins its ``on_stop``."""
        if visit := visit_of(user):
            self._settle(visit)
            visit.setup = True

    def called(self, method: str, url: str) -> str:
        """What the path of a request without a name is called, its method apart."""
        return self._naming.unnamed(method, url).partition(" ")[2]

    def open_flights(self) -> list[Flight]:
        """The requests that wait for an answer now."""
        return [flight for flight in self.flights.values() if flight.service is None]

    def end(self) -> int:
        """The drain is over: what is still in flight is censored, and nothing later counts. Returns how many."""
        for visit in list(self._visits.values()):
            self._settle(visit)
        hanging = [flight for flight in self.open_flights() if not flight.setup]
        for flight in hanging:
            self._censor(flight)
        self._ended = True
        return len(hanging)

    def unstarted(self, persona: str, due: float) -> None:
        """An arrival that never came to a request: as bad as hanging, once it is known on which routes."""
        self._recorder.unstarted(persona, due)

    def depart(self, visit: Visit, method: str, url: str, name: str | None) -> int:
        """A user sends a request. Returns the flight's number."""
        number, now = next(_NUMBERS), time.perf_counter() - self.began
        route = route_name(method, name) if name else self._naming.unnamed(method, url)
        due, waited = visit.due, visit.waited
        if due is None:
            due = now
        else:
            visit.due, visit.waited = None, 0.0
        unnamed = None if name else url
        self.flights[number] = Flight(visit, route, due, now, visit.setup, unnamed=unnamed, waited=waited)
        return number

    def aside(self, visit: Visit, method: str, name: str, ago: float) -> int:
        """Something has come to a user by itself, due ``ago`` seconds back, and is no request of its arrival."""
        number, since = next(_NUMBERS), self.now() - ago
        self.flights[number] = Flight(None, route_name(method, name), since, since, visit.setup)
        return number

    def forget(self, number: int) -> None:
        """It is counted elsewhere."""
        flight = self.flights.pop(number)
        if flight.visit is not None:
            self.rest(flight.visit)

    def rest(self, visit: Visit) -> None:
        """What a user has done until now was no request: the next one is due from here on."""
        visit.due, visit.waited, visit.ended = None, 0.0, self.now()

    def arrive(self, number: int, service: float, error: str | None, answer: Answer | None) -> None:
        """Its answer is there, and nobody has anything to say about it any more."""
        flight = self.flights.pop(number)
        flight.answer = answer
        self._count(flight, service, error)

    def fail(self, number: int, service: float, error: BaseException, name: str, answer: Answer | None) -> None:
        """It brought no good answer, and nobody has anything to say about it any more."""
        self._failed(error)
        self.arrive(number, service, name, answer)

    def hold(self, number: int, error: str | None, answer: Answer | None = None) -> None:
        """Its answer is there, and the locustfile has yet to say whether it is a good one."""
        flight = self.flights[number]
        flight.service, flight.error, flight.answer = self.now() - flight.sent, error, answer
        if flight.visit is not None:
            flight.visit.ended = flight.sent + flight.service
            flight.visit.held.add(number)

    def lose(self, number: int, error: BaseException) -> None:
        """It was begun and brought no answer: a time-out of the locustfile's own, or its user was ended."""
        flight = self.flights.pop(number)
        if isinstance(error, gevent.GreenletExit):
            self._censor(flight)
        else:
            self._count(flight, self.now() - flight.sent, type(error).__name__)

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float,
        exception: BaseException | None = None,
        context: Mapping[str, Any] | None = None,
        response: Any = None,
        url: str | None = None,
        **_: Any,
    ) -> None:
        """Locust's request event; ``response_time`` is in milliseconds."""
        number = (context or {}).get(CONTEXT_KEY, -1)
        if number == COUNTED or not self._is_ours(number, url):
            return
        service = (response_time or 0.0) / 1000
        flight = self.flights.pop(number, None)
        if flight is None:
            visit = self._visits.get(gevent.getcurrent())
            sent = self.now() - service
            due = sent if visit is None or visit.due is None else visit.due
            flight = Flight(visit, "", due, sent, visit is not None and visit.setup, unnamed=url)
            if visit is not None:
                visit.due, visit.waited = None, 0.0
        elif flight.visit is not None:
            flight.visit.held.discard(number)
        if exception is not None:
            self._failed(exception)
        # The name may be given late, by the locustfile or by a redirect.
        address = flight.unnamed
        unnamed = address is not None and (same_path(name, address) or same_path(name, url))
        flight.route = self._naming.route(request_type, address or "", None if unnamed else name)
        self._count(flight, service, error_name(exception, response) if exception else None)

    def on_user_error(self, user_instance: User | TaskSet | None, exception: BaseException, **_: Any) -> None:
        """Locust's event of a task that raised: an answer that was being looked at then is a bad one."""
        user = user_instance.user if isinstance(user_instance, TaskSet) else user_instance
        if self._host is not None and user is not None and user not in self._users:
            return
        self._recorder.raised(str(getattr(exception, "counted_as", type(exception).__name__)))
        if user is not None and (visit := visit_of(user)):
            self._settle(visit, type(exception).__name__)

    def _is_ours(self, number: int, url: str | None) -> bool:
        """Whether an event is of this side, where there are two; what no user asked for is told by its address."""
        if self._host is None or number in self.flights or gevent.getcurrent() in self._visits:
            return True
        return (url or "").startswith(self._host)

    def _settle(self, visit: Visit, error: str | None = None) -> None:
        """Nobody will say any more whether these answers are good ones; unless ``error`` tells, their status does."""
        for number in sorted(visit.held):
            flight = self.flights.pop(number)
            self._count(flight, flight.service or 0.0, error or flight.error)
        visit.held.clear()

    def _count(self, flight: Flight, service: float, error: str | None) -> None:
        if flight.visit is not None:
            flight.visit.ended = flight.sent + service
        if self._ended:
            return
        if flight.setup:
            self._recorder.setup(flight.route, flight.sent, service, error)
            return
        response = max(flight.sent - flight.due, 0.0) + service
        self.requests += 1
        persona = "" if flight.visit is None else flight.visit.persona
        if error is None:
            self._recorder.success(persona, flight.route, flight.due, response, service, flight.waited, flight.answer)
        else:
            self.failed += 1
            self._recorder.failure(persona, flight.route, flight.due, response, error, flight.answer)

    def _censor(self, flight: Flight) -> None:
        if self._ended or flight.setup:
            return
        self.unanswered += 1
        persona = "" if flight.visit is None else flight.visit.persona
        self._recorder.censored(persona, flight.route, flight.due, self.now() - flight.due)
