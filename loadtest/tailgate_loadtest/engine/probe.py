"""A serial probe: one iteration after another, one request at a time, and of each how it was answered.

What it asks follows from the locustfile, the mix and the seed alone, so that two sides are asked the same. Personas and
tasks are dealt by their weights, that none is left out. Python's ``random`` begins anew with every iteration: an answer
that differs changes what comes after it in its iteration, and nothing else. Nobody sleeps for longer than a moment, and a
stream is opened and left again. Each persona has one user, from one iteration to the next, whose ``on_start`` does not count.

For a process of its own: it leaves Locust's classes and gevent's sleep as they would not be for a load.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import gevent
from gevent.event import Event
from gevent.lock import RLock
from locust import TaskSet, User
from locust.env import Environment
from locust.user.task import DefaultTaskSet

from tailgate_loadtest.engine.desk import Say
from tailgate_loadtest.engine.http.stream import Stream
from tailgate_loadtest.engine.loads import mix_of
from tailgate_loadtest.engine.naming import Naming, same_path
from tailgate_loadtest.engine.outcome import error_name
from tailgate_loadtest.engine.tracker import Tracker, Visit
from tailgate_loadtest.engine.users import follow, pace
from tailgate_loadtest.measure.probe import PHASES, Account, Answered, BrokenOff, Phase
from tailgate_loadtest.measure.recorder import Recorder
from tailgate_loadtest.measure.server_timing import ServerTiming, parse
from tailgate_loadtest.shapes.orders import Orders
from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.shapes.turns import turns

_MOMENT = 0.002
"""Seconds of the longest sleep; not none, or who asks until something has happened would ask without end."""
_ITERATION = 30.0
"""Seconds that an iteration may take before its user is given up."""
_PHASE = 180.0
"""Seconds that all iterations of a phase may take."""
_FRUITLESS = 50
"""Iterations in a row that may ask nothing before it is given up."""
_TELL = 5.0

Write = Callable[[Answered | BrokenOff | Account], None]


def hasten() -> None:
    """Have nobody sleep for longer than a moment. To be called before the locustfile is loaded, which may import it."""
    sleep = gevent.sleep
    gevent.sleep = time.sleep = lambda seconds=0.0, *_, **__: sleep(min(seconds, _MOMENT))


def probe(orders: Orders, environment: Environment, write: Write, say: Say, stop: Event) -> None:
    """Ask ``orders.probe`` requests, and the same once more. ``write`` is given each, and at last the account.

    Raises:
        LocustError: the orders name a user class that is not there.
    """
    Serial(orders, environment, write).run(say, stop)


@dataclass(slots=True)
class _Seat:
    """The user of a persona."""

    persona: str
    user: User
    turn: Event = field(default_factory=Event)
    """It may go on."""
    rest: Event = field(default_factory=Event)
    """It has nothing to do, or is gone."""
    gone: bool = False


@dataclass(frozen=True, slots=True)
class _Turn:
    phase: Phase
    iteration: int
    persona: str


class Serial:
    """Carries one probe out."""

    def __init__(self, orders: Orders, environment: Environment, write: Write) -> None:
        self._orders, self._environment, self._write = orders, environment, write
        self._classes = {cls.__name__: cls for cls in environment.user_classes}
        self._naming = Naming(orders.routes, orders.host)
        self._tracker = _OneAtATime(Recorder(0.0), orders.headers, lambda _: None, self._naming)
        self._seats: dict[str, _Seat] = {}
        self._turn: _Turn | None = None
        """Whose requests count; None: nobody's."""
        self._requests = 0
        self._tasks: dict[type, Iterator[Any]] = {}

    def run(self, say: Say, stop: Event) -> None:
        """Ask everything, twice over."""
        self._take_in_hand()
        iterations, why = self._ask(PHASES[0], None, say, stop)
        for phase in PHASES[1:]:
            done, again = (0, None) if why else self._ask(phase, iterations, say, stop)
            iterations, why = min(iterations, done), why or again
        self._write(Account(iterations=iterations, cut_short=why))

    def _take_in_hand(self) -> None:
        events = self._environment.events
        # Before any listener of the locustfile: one that raises ends the event there.
        events.request._handlers[:0] = [self._tracker.on_request, self._answered]
        events.user_error.add_listener(self._broken_off)
        follow(list(self._classes.values()), self._tracker)
        pace(dict.fromkeys(self._classes.values(), self._gate))
        self._deal_tasks()
        listen = Stream.listen
        Stream.listen = lambda stream, seconds: listen(stream, 0.0)  # type: ignore[method-assign]
        events.test_start.fire(environment=self._environment)
        events.spawning_complete.fire(user_count=len(self._classes))

    def _deal_tasks(self) -> None:
        """Tasks that would be drawn by lot are dealt by their weights; those of other kinds have an order of their own."""

        def dealt(original: Callable[[TaskSet], Any], owner: Callable[[TaskSet], Any]) -> Callable[[TaskSet], Any]:
            def get_next_task(self_: TaskSet) -> Any:
                whose = owner(self_)
                if not whose.tasks:
                    return original(self_)  # it says what is missing
                if type(whose) not in self._tasks:
                    seed = f"{self._orders.seed} {type(whose).__qualname__}"
                    self._tasks[type(whose)] = turns(Counter(whose.tasks), seed)
                return next(self._tasks[type(whose)])

            return get_next_task

        for cls, owner in ((TaskSet, lambda tasks: tasks), (DefaultTaskSet, lambda tasks: tasks.user)):
            cls.get_next_task = dealt(cls.get_next_task, owner)  # type: ignore[attr-defined]

    def _ask(self, phase: Phase, iterations: int | None, say: Say, stop: Event) -> tuple[int, str | None]:
        """One phase, of so many iterations or until enough is asked. Returns how many, and why it was cut short."""
        orders = self._orders
        self._requests, self._tasks = 0, {}
        began = told = time.monotonic()
        fruitless = 0
        personas = turns(self._mix(), str(orders.seed))
        try:
            for n in count():
                now = time.monotonic()
                if n == iterations or (iterations is None and self._requests >= orders.probe):
                    return n, None
                if stop.is_set():
                    return n, "it was told to stop"
                if now - began > _PHASE:
                    return n, f"its {phase} requests took more than {_PHASE:.0f} s"
                if fruitless == _FRUITLESS:
                    return n, f"{_FRUITLESS} iterations in a row requested nothing"
                if now - told > _TELL:
                    told = now
                    say({"probe": phase, "requests": self._requests})
                before = self._requests
                self._iterate(_Turn(phase, n, next(personas)))
                fruitless = fruitless + 1 if self._requests == before else 0
            raise RuntimeError("counting has ended")  # cannot be
        finally:
            self._dismiss()

    def _mix(self) -> Mapping[str, float]:
        load = self._orders.load
        if isinstance(load, Profile):
            return mix_of(load, list(self._classes.values()))
        return {name: float(cls.weight) for name, cls in self._classes.items()}

    def _iterate(self, turn: _Turn) -> None:
        seat = self._seats.get(turn.persona)
        if seat is None or seat.gone:
            random.seed(f"{self._orders.seed} {turn.persona}")
            seat = self._seat(turn)
            if not seat.rest.wait(_ITERATION):
                self._give_up(seat, turn)
            if seat.gone:
                return
        seat.rest.clear()
        self._turn = turn
        seat.turn.set()
        if not seat.rest.wait(_ITERATION):
            self._give_up(seat, turn)
        self._turn = None

    def _seat(self, turn: _Turn) -> _Seat:
        try:
            user = self._classes[turn.persona](self._environment)
        except Exception as error:
            raise
        seat = self._seats[turn.persona] = _Seat(turn.persona, user)

        def gone(_: object) -> None:
            seat.gone = True
            seat.rest.set()

        user.start(self._environment.runner.user_greenlets).link(gone)  # type: ignore[union-attr]
        return seat

    def _give_up(self, seat: _Seat, turn: _Turn) -> None:
        self._write(_broken(turn, f"took more than {_ITERATION:.0f} s"))
        self._turn = None
        seat.user.greenlet.kill()
        seat.gone = True

    def _dismiss(self) -> None:
        self._turn = None
        self._environment.runner.user_greenlets.kill()  # type: ignore[union-attr]
        self._seats = {}

    def _gate(self, user: User, visit: Visit) -> None:
        """Where a user waits for its turn, its last one done."""
        seat = self._seats[visit.persona]
        seat.rest.set()
        seat.turn.wait()
        seat.turn.clear()
        self._tracker.begin(visit, self._tracker.now(), 0.0)
        if self._turn is not None:
            random.seed(f"{self._orders.seed} {self._turn.iteration}")

    def _broken_off(self, user_instance: Any, exception: BaseException, **_: Any) -> None:
        """Locust's event of a task that raised."""
        if self._turn is not None:
            self._write(_broken(self._turn, str(getattr(exception, "counted_as", type(exception).__name__))))

    def _answered(
        self,
        request_type: str,
        name: str,
        response_length: int | None,
        response: Any = None,
        exception: BaseException | None = None,
        url: str | None = None,
        **_: Any,
    ) -> None:
        """Locust's event of a request."""
        if self._turn is None or _comes_by_itself(request_type, name):
            return
        self._requests += 1
        unnamed = url is not None and same_path(name, url)
        headers = getattr(response, "headers", None) or {}
        told = _told(headers.get("server-timing"))
        self._write(
            Answered(
                phase=self._turn.phase,
                iteration=self._turn.iteration,
                persona=self._turn.persona,
                route=self._naming.route(request_type, url or "", None if unnamed else name),
                status=getattr(response, "status_code", None) or None,
                error=None if exception is None else error_name(exception, response),
                **_sizes(response, response_length, headers),
                encoding=headers.get("content-encoding"),
                queries=None if told is None else told.queries,
                round_trips=None if told is None else told.round_trips,
            )
        )


class _OneAtATime(Tracker):
    """Follows requests, and lets none be sent before the last one is answered, not even where a user asks several."""

    def enter(self, user: User) -> Visit:
        visit = super().enter(user)
        client: Any = getattr(user, "client", None)
        request = getattr(client, "request", None)
        if callable(request):
            lock = RLock()

            def one(*args: Any, **kwargs: Any) -> Any:
                with lock:
                    return request(*args, **kwargs)

            client.request = one
        return visit
