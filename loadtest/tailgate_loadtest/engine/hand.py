"""One process's part of a load: it puts it on, follows its requests, and reports."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gevent.event import Event
from locust import User
from locust.env import Environment

from tailgate_loadtest.engine.health import Health
from tailgate_loadtest.engine.loads import ClosedLoad, Drive, Load, OpenLoad, schedule_for
from tailgate_loadtest.engine.naming import Naming
from tailgate_loadtest.engine.tracker import Tracker
from tailgate_loadtest.engine.users import follow, pace
from tailgate_loadtest.errors import DeltaError
from tailgate_loadtest.measure.delta import Delta
from tailgate_loadtest.measure.recorder import Recorder
from tailgate_loadtest.shapes.orders import Orders
from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.shapes.sides import SideSchedule
from tailgate_loadtest.shapes.slices import portion, shares

STANDING = ("arrived", "judged", "started", "completed", "abandoned", "waiting", "users", "most_users", "requests")
"""What every standing holds; further ``failed``, ``lag`` and ``in_flight``."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What has happened since the last report, and how things stand."""

    delta: Delta
    standing: dict[str, float]
    end: dict[str, Any] | None = None
    """The last report's account of the load."""

    def plain(self) -> dict[str, Any]:
        """The same in lists, texts and numbers."""
        return {"delta": self.delta.plain(), "standing": self.standing, "end": self.end}

    @classmethod
    def of(cls, plain: Any) -> "Report":
        """What ``plain`` wrote. Raises DeltaError."""
        try:
            standing = {key: _finite(plain["standing"][key]) for key in (*STANDING, "failed", "lag", "in_flight")}
            end = None if plain["end"] is None else _end(plain["end"])
        except (KeyError, TypeError, ValueError) as error:
            raise DeltaError(f"is no report: {type(error).__name__}: {error}") from error
        return cls(delta=Delta.of(plain["delta"]), standing=standing, end=end)


def _end(plain: Any) -> dict[str, Any]:
    return {
        **{key: _finite(plain[key]) for key in ("seconds",)},
        **{key: int(_finite(plain[key])) for key in ("unfinished", "unstarted")},
        "stopped_early": bool(plain["stopped_early"]),
        "health": dict(plain["health"]),
    }


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} where a number belongs")
    return number


@dataclass(kw_only=True)
class Hand:
    """Puts one load on, once."""

    environment: Environment
    recorder: Recorder
    tracker: Tracker
    load: Load
    health: Health

    def listen(self) -> None:
        """Hear of every request."""
        events = self.environment.events
        # Before any listener of the locustfile: one that raises ends the event there, and no request may go uncounted.
        events.request._handlers.insert(0, self.tracker.on_request)
        events.user_error.add_listener(self.tracker.on_user_error)

    def report(self) -> Report:
        """What has happened since the last report."""
        delta, now = self.recorder.take(), self.tracker.now()
        # What is still waited for is already this old: a stall shows at once, not when it is over.
        for flight in self.tracker.open_flights():
            if not flight.setup:
                delta.recent.add(round((now - flight.due) * 1e9))
        return Report(delta=delta, standing=self._standing())

    def finish(self, stop: Event) -> Report:
        """The last report, the load and its drain being over."""
        seconds = self.tracker.now()
        unfinished = self.tracker.end()
        self.load.finish()
        standing = self._standing()
        end = {
            "seconds": seconds,
            "unfinished": unfinished,
            "unstarted": self.load.unstarted,
            "stopped_early": stop.is_set(),
            "health": self.health.readings(),
        }
        return Report(delta=self.recorder.take(), standing=standing, end=end)

    def _standing(self) -> dict[str, float]:
        flights = sum(not flight.setup for flight in self.tracker.open_flights())
        return {
            **self.load.standing(),
            "requests": self.tracker.requests,
            "failed": self.tracker.failed,
            "lag": self.health.latest_lag(),
            "in_flight": flights,
        }


def prepare(hands: Sequence[Hand], stop: Event) -> None:
    """Make hands of one environment ready; the clock does not run yet."""
    for hand in hands:
        hand.listen()
    loads = [hand.load for hand in hands if isinstance(hand.load, OpenLoad)]
    if not loads:
        return  # Locust starts the users of a closed load within it
    events = hands[0].environment.events
    events.test_start.fire(environment=hands[0].environment)
    pace({cls: gate for load in loads for cls, gate in load.gates.items()})
    # Users come as they are needed from now on: for a locustfile that waits for all of them, these are all.
    events.spawning_complete.fire(user_count=sum(load.gather() for load in loads))
    for load in loads:
        load.settle(stop)


def start(hands: Sequence[Hand]) -> None:
    """The load begins now, for all of them at once."""
    now = time.perf_counter()
    for hand in hands:
        hand.tracker.start(now)
    # Of one process there is one state of health.
    hands[0].health.start()


def hand_for(orders: Orders, environment: Environment, index: int, count: int, drive: Drive) -> Hand:
    """The ``index``-th of ``count`` hands that carry orders out; ``drive`` is what a closed load is driven by.

    Raises:
        LocustError: the orders name a user class that is not there.
    """
    health, naming = Health(orders.host), Naming(orders.routes, orders.host)
    classes = environment.user_classes
    load: Load
    if isinstance(orders.load, Profile):
        recorder = Recorder(orders.load.warmup)
        tracker = Tracker(recorder, health.failed, naming)
        schedule = schedule_for(orders.load, classes, orders.seed)
        users = portion(orders.load.users, index, count)
        load = OpenLoad(environment, tracker, health, schedule, [shares(count)[index]], users, orders.drain, classes)
    else:
        recorder = Recorder(0.0)
        tracker = Tracker(recorder, health.failed, naming)
        load = ClosedLoad(environment, tracker, orders.drain, drive)
    follow(classes, tracker, orders.headers)
    return Hand(environment=environment, recorder=recorder, tracker=tracker, load=load, health=health)


def hand_of(
    orders: Orders, environment: Environment, classes: Sequence[type[User]], schedule: SideSchedule, health: Health
) -> Hand:
    """The hand of one side of two, with its own user classes; they share their process and its health."""
    recorder = Recorder(schedule.warmup)
    tracker = Tracker(recorder, health.failed, Naming(orders.routes, orders.host), orders.host)
    follow(classes, tracker, orders.headers)
    load = OpenLoad(environment, tracker, health, schedule, shares(1), orders.load.users, orders.drain, classes)
    return Hand(environment=environment, recorder=recorder, tracker=tracker, load=load, health=health)
