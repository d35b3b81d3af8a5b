"""A serial probe: one iteration after another, one request at a time, and of each how it was answered.

What it asks follows from the locustfile, the mix and the seed alone, so that two sides are asked the same. Personas and
tasks are dealt by their weights, that none is left out. Python's ``random`` begins anew with every iteration: an answer
that differs changes what comes after it in its iteration, and nothing else. Nobody sleeps for longer than a moment, and
a stream is opened and left again, whatever comes of it. Each persona has one user, whose ``on_start`` does not count.

For a process of its own: it leaves Locust's classes and gevent's sleep as they would not be for a load.
"""

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import gevent
from gevent.event import Event
from gevent.lock import RLock
from locust import TaskSet, User
from locust.env import Environment
from locust.user.task import DefaultTaskSet

from tailgate_loadtest.engine.answers import is_asked, told
from tailgate_loadtest.engine.desk import Say
from tailgate_loadtest.engine.http.stream import Stream
from tailgate_loadtest.engine.loads import mix_of
from tailgate_loadtest.engine.naming import Naming
from tailgate_loadtest.engine.progress import Progress
from tailgate_loadtest.engine.tracker import Tracker
from tailgate_loadtest.engine.users import follow, pace
from tailgate_loadtest.engine.visit import Visit
from tailgate_loadtest.measure.probe import PHASES, Account, Answered, BrokenOff, Phase
from tailgate_loadtest.measure.recorder import Recorder
from tailgate_loadtest.shapes.orders import Orders, Probing
from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.shapes.turns import turns

_MOMENT = 0.002
"""Seconds of the longest sleep; not none, or who asks until something has happened would ask without end."""
_FAREWELL = 2.0
"""Seconds that users who are given up get to end."""
_TELL = 5.0
"""Seconds between two signs of life."""
_STOPPED = "it was told to stop"

Write = Callable[[Answered | BrokenOff | Account], object]


def hasten() -> None:
    """Have nobody sleep for longer than a moment. To be called before the locustfile is loaded, which may import it."""
    sleep = gevent.sleep

    def nap(seconds: float = 0.0, *_: Any, **__: Any) -> None:
        sleep(min(seconds, _MOMENT))

    gevent.sleep = nap
    time.sleep = nap  # type: ignore[assignment]  # more is taken than time's own takes


@dataclass(frozen=True, slots=True)
class _Turn:
    """One iteration."""

    phase: Phase
    iteration: int
    persona: str


@dataclass(slots=True, eq=False)
class _Seat:
    """The user of a persona."""

    user: User
    turn: Event = field(default_factory=Event)
    """It may go on."""
    rest: Event = field(default_factory=Event)
    """It has nothing to do, or is gone."""
    gone: bool = False


class Probe:
    """Carries out one probe; ``write`` is given what it finds, and at last the account."""

    def __init__(self, orders: Orders, asked: Probing, environment: Environment, write: Write) -> None:
        self._orders, self._asked, self._environment, self._write = orders, asked, environment, write
        self._classes = {cls.__name__: cls for cls in environment.user_classes}
        self._naming = Naming(orders.routes, orders.host)
        self._tracker = Tracker(Recorder(0.0), lambda _: None, self._naming)
        self._seats: dict[str, _Seat] = {}
        self._tasks: dict[type, Iterator[Any]] = {}
        self._turn: _Turn | None = None
        """Whose requests count; None: nobody's."""
        self._requests = 0
        """Of this phase, those that count."""
        self._answers = 0
        self._told = -math.inf

    def run(self, say: Say, stop: Event) -> None:
        """Ask as many requests as were ordered, and the same once more.

        Raises:
            LocustError: the orders name a user class that is not there.
        """
        self._take_in_hand()
        iterations = self._asked.iterations
        cut_short: str | None = None
        curtailed: str | None = None
        for phase in PHASES:
            progress, cut_short = self._ask(phase, iterations, say, stop)
            iterations = progress.iterations
            if cut_short is not None:
                break
            curtailed = curtailed or progress.curtailed
        self._write(Account(iterations=iterations or 0, cut_short=cut_short, curtailed=curtailed))

    def _take_in_hand(self) -> None:
        events, classes = self._environment.events, list(self._classes.values())
        # Before any listener of the locustfile: one that raises ends the event there.
        events.request._handlers[:0] = [self._tracker.on_request, self._answered]
        events.user_error.add_listener(self._raised)
        follow(classes, self._tracker, self._orders.headers)
        pace(dict.fromkeys(classes, self._gate))
        for cls in (TaskSet, DefaultTaskSet):
            cls.get_next_task = self._dealing(cls.get_next_task)  # type: ignore[method-assign]
        # What has come by the time that somebody looks is chance.
        Stream.listen = lambda *_: iter(())  # type: ignore[method-assign]
        events.test_start.fire(environment=self._environment)
        events.spawning_complete.fire(user_count=len(classes))

    def _dealing(self, original: Callable[[Any], Any]) -> Callable[[TaskSet], Any]:
        """In place of drawing a task by lot. Task sets with an order of their own keep it."""

        def get_next_task(tasks: TaskSet) -> Any:
            owner: Any = tasks.user if isinstance(tasks, DefaultTaskSet) else tasks
            if not owner.tasks:
                return original(tasks)  # it says what is missing
            if type(owner) not in self._tasks:
                seed = f"{self._orders.seed} {type(owner).__qualname__}"
                self._tasks[type(owner)] = turns(Counter(owner.tasks), seed)
            return next(self._tasks[type(owner)])

        return get_next_task

    def _ask(self, phase: Phase, iterations: int | None, say: Say, stop: Event) -> tuple[Progress, str | None]:
        """So many iterations, or until enough is asked. Returns what came of it, and why it was cut short."""
        self._requests, self._tasks = 0, {}
        began, mix = time.monotonic(), self._mix()
        progress = Progress(self._asked, iterations, [persona for persona, weight in mix.items() if weight > 0])
        personas = turns(mix, str(self._orders.seed))
        try:
            while progress.goes_on(seconds := time.monotonic() - began):
                if cut_short := _STOPPED if stop.is_set() else progress.cut_short(seconds):
                    return progress, cut_short
                self._tell(phase, say)
                turn, before = _Turn(phase, progress.iterations, next(personas)), self._requests
                self._iterate(turn, say, stop)
                progress.add(turn.persona, self._requests - before)
            return progress, None
        finally:
            self._environment.runner.user_greenlets.kill(timeout=_FAREWELL)  # type: ignore[union-attr]
            self._seats = {}

    def _mix(self) -> Mapping[str, float]:
        load = self._orders.load
        if isinstance(load, Profile):
            return mix_of(load, list(self._classes.values()))
        return {name: float(cls.weight) for name, cls in self._classes.items()}

    def _iterate(self, turn: _Turn, say: Say, stop: Event) -> None:
        seat = self._seats.get(turn.persona)
        if seat is None or seat.gone:
            random.seed(f"{self._orders.seed} {turn.persona}")
            seat = self._take_seat(turn.persona)
            self._await(seat, turn.phase, say, stop)
            if seat.gone or not seat.rest.is_set():
                self._give_up(seat, turn, "its user could not start")
                return
        seat.rest.clear()
        self._turn = turn
        random.seed(f"{self._orders.seed} {turn.iteration}")
        seat.turn.set()
        self._await(seat, turn.phase, say, stop)
        if not seat.rest.is_set():
            self._give_up(seat, turn, _STOPPED if stop.is_set() else "it came to no end")
        self._turn = None

    def _await(self, seat: _Seat, phase: Phase, say: Say, stop: Event) -> None:
        """Until it rests, or is to be given up. A slow service may take its time, as long as answers come to an end."""
        answers, most = -1, self._answers + self._asked.requests
        while answers < self._answers < most and not (seat.rest.is_set() or stop.is_set()):
            answers = self._answers
            gevent.wait([seat.rest, stop], self._asked.patience, 1)
            self._tell(phase, say)

    def _tell(self, phase: Phase, say: Say) -> None:
        """Give a sign of life, now and then: an engine that gives none is taken to hang."""
        if (now := time.monotonic()) - self._told > _TELL:
            self._told = now
            say({"probe": phase, "requests": self._requests})

    def _take_seat(self, persona: str) -> _Seat:
        user = self._classes[persona](self._environment)
        _one_at_a_time(getattr(user, "client", None))
        seat = self._seats[persona] = _Seat(user)

        def gone(_: object) -> None:
            seat.gone = True
            seat.rest.set()

        user.start(self._environment.runner.user_greenlets).link(gone)  # type: ignore[union-attr]
        return seat

    def _give_up(self, seat: _Seat, turn: _Turn, why: str) -> None:
        self._turn, seat.gone = None, True
        seat.user.greenlet.kill(timeout=_FAREWELL)
        self._break_off(turn, why)

    def _gate(self, user: User, visit: Visit) -> None:
        """Where a user waits for its turn, its last one done."""
        seat = self._seats[type(user).__name__]
        seat.rest.set()
        seat.turn.wait()
        seat.turn.clear()
        self._tracker.begin(visit, self._tracker.now(), 0.0)

    def _answered(self, **event: Any) -> None:
        """Locust's event of a request."""
        if not is_asked(event):
            return
        self._answers += 1
        turn = self._turn
        if turn is not None:
            self._requests += 1
            answer = told(self._naming, event)
            self._write(Answered(phase=turn.phase, iteration=turn.iteration, persona=turn.persona, **answer))

    def _raised(self, exception: BaseException, **_: Any) -> None:
        """Locust's event of a task that raised."""
        if self._turn is not None:
            self._break_off(self._turn, str(getattr(exception, "counted_as", type(exception).__name__)))

    def _break_off(self, turn: _Turn, why: str) -> None:
        self._write(BrokenOff(phase=turn.phase, iteration=turn.iteration, persona=turn.persona, broken_off=why))


def _one_at_a_time(client: Any) -> None:
    """Let no request be sent before the last one is answered, not even where a user asks several at once."""
    request = getattr(client, "request", None)
    if not callable(request):
        return
    lock = RLock()

    def one(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return request(*args, **kwargs)

    client.request = one
