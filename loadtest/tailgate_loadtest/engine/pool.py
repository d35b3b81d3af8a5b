"""The users that arrivals ride on: taken idle, started when none is, waited for when the bound is reached."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import gevent
from gevent.event import AsyncResult, Event
from locust import User
from locust.env import Environment
from locust.exception import StopUser

from tailgate_loadtest.engine.tracker import Tracker
from tailgate_loadtest.engine.visit import Visit, visit_of
from tailgate_loadtest.shapes.schedule import Arrival

_Waiting = tuple[Arrival, float]
"""An arrival that waits for a user, and since when."""

_PATIENCE = 1.0
"""Seconds by which another persona's oldest arrival may be older before a user is given up for it."""


@dataclass(slots=True, eq=False)
class _Seat:
    """One user, and the arrival it carries."""

    persona: str
    arrival: Arrival | None = None
    """What it carries now, or will once its ``on_start`` is done."""
    since: float | None = None
    """From when this arrival waited for a user; None: one was free."""
    begun: bool = False
    call: AsyncResult | None = None
    """Set while it is idle: what will wake it."""


class Pool:
    """Users by persona, and the arrivals that wait for one."""

    def __init__(
        self, environment: Environment, tracker: Tracker, classes: Mapping[str, type[User]], bound: int
    ) -> None:
        self._environment = environment
        self._tracker = tracker
        self._classes = classes
        self._bound = bound
        self._seats: dict[User, _Seat] = {}
        self._idle: dict[str, list[_Seat]] = {name: [] for name in classes}
        self._waiting: dict[str, deque[_Waiting]] = {name: deque() for name in classes}
        self._closed = False
        self.started = 0
        self.completed = 0
        self.abandoned = 0
        """Arrivals whose user could not begin them: its ``on_start`` failed."""
        self.most_users = 0

    @property
    def users(self) -> int:
        """How many users there are."""
        return len(self._seats)

    @property
    def waiting(self) -> int:
        """How many arrivals wait for a user."""
        return sum(len(queue) for queue in self._waiting.values())

    @property
    def busy(self) -> bool:
        """Whether an arrival is unfinished."""
        return self.waiting > 0 or any(seat.arrival for seat in self._seats.values())

    def gather(self, counts: Mapping[str, int]) -> None:
        """Start some users ahead of the load."""
        for persona, count in counts.items():
            for _ in range(min(count, self._bound - self.users)):
                self._spawn(persona, None)

    def settle(self, patience: float, stop: Event) -> None:
        """Wait for the ``on_start`` of those that were started ahead, for at most ``patience`` seconds."""
        with gevent.Timeout(patience, False):
            while any(seat.call is None for seat in self._seats.values()) and not stop.wait(0.01):
                pass

    def admit(self, arrival: Arrival) -> None:
        """An arrival is due now."""
        idle = self._idle[arrival.persona]
        if idle:
            self._wake(idle.pop(), arrival)
        elif self.users < self._bound:
            self._spawn(arrival.persona, arrival, self._tracker.now())
        else:
            if other := next((seats for seats in self._idle.values() if seats), None):
                # Full, but somebody else's users are idle: one of them makes room.
                self._wake(other.pop(), None)
            self._waiting[arrival.persona].append((arrival, self._tracker.now()))

    def gate(self, user: User, visit: Visit) -> None:
        """Where a user waits for its next arrival, its last one done. Raises StopUser when it has to make room."""
        seat = self._seats[user]
        if seat.begun:
            self.completed += 1
            seat.arrival, seat.begun = None, False
        if seat.arrival is None:
            seat.arrival = self._next(seat)
        if seat.arrival is None:
            raise StopUser
        seat.begun = True
        self.started += 1
        waited = 0.0 if seat.since is None else self._tracker.now() - seat.since
        self._tracker.begin(visit, seat.arrival.due, waited)

    def close(self) -> int:
        """No arrival is begun any more, and what never came to a request is censored. Returns how many never began."""
        self._closed = True
        left = [arrival for queue in self._waiting.values() for arrival, _ in queue]
        left += [seat.arrival for seat in self._seats.values() if seat.arrival and not seat.begun]
        silent = [seat.arrival for user, seat in self._seats.items() if seat.arrival and seat.begun and _silent(user)]
        for arrival in (*left, *silent):
            self._tracker.unstarted(arrival.persona, arrival.due)
        return len(left)

    def _next(self, seat: _Seat) -> Arrival | None:
        own = self._waiting[seat.persona]
        oldest = min((queue for queue in self._waiting.values() if queue), key=lambda q: q[0][0].due, default=None)
        seat.since = None
        if oldest is None:
            seat.call = AsyncResult()
            self._idle[seat.persona].append(seat)
            arrival: Arrival | None = seat.call.get()
            seat.call = None
            return arrival
        if own and own[0][0].due <= oldest[0][0].due + _PATIENCE:
            arrival, seat.since = own.popleft()
            return arrival
        return None

    def _wake(self, seat: _Seat, arrival: Arrival | None) -> None:
        # Taken off the idle list, it carries the arrival from now on, though its greenlet runs a moment later.
        seat.arrival = arrival
        if seat.call is not None:
            seat.call.set(arrival)

    def _spawn(self, persona: str, arrival: Arrival | None, since: float | None = None) -> None:
        try:
            user = self._classes[persona](self._environment)
        except Exception as error:  # noqa: BLE001 - a locustfile's class may raise anything at all
            self._environment.events.user_error.fire(user_instance=None, exception=error, tb=error.__traceback__)
            if arrival is not None:
                self._abandon(arrival)
            return
        self._seats[user] = _Seat(persona, arrival, since)
        self.most_users = max(self.most_users, self.users)
        greenlet = user.start(self._environment.runner.user_greenlets)  # type: ignore[union-attr]
        # A link runs in the hub, where nothing may block; starting a successor might.
        greenlet.link(lambda _: gevent.spawn(self._gone, user))

    def _gone(self, user: User) -> None:
        seat = self._seats.pop(user)
        if seat in self._idle[seat.persona]:
            self._idle[seat.persona].remove(seat)
        if self._closed:
            return
        if seat.begun:
            self.completed += 1  # it ended itself within the task
        elif seat.arrival is not None:
            self._abandon(seat.arrival)
        oldest = min((queue for queue in self._waiting.values() if queue), key=lambda q: q[0][0].due, default=None)
        if oldest is not None:
            arrival, since = oldest.popleft()
            self._spawn(arrival.persona, arrival, since)

    def _abandon(self, arrival: Arrival) -> None:
        self.abandoned += 1
        self._tracker.unstarted(arrival.persona, arrival.due)


def _silent(user: User) -> bool:
    """Whether a user has begun an arrival, and what it was to request first has neither been sent nor reported."""
    visit = visit_of(user)
    return visit is not None and visit.due is not None
