"""The two ways to put a load on: open, where arrivals come when they are due, and closed, where users take turns."""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import gevent
from gevent.event import Event
from gevent.pool import Group
from locust import User
from locust.env import Environment
from locust.exception import LocustError

from tailgate_loadtest.engine.alarm import Alarm
from tailgate_loadtest.engine.health import Health
from tailgate_loadtest.engine.pool import Pool
from tailgate_loadtest.engine.tracker import Tracker
from tailgate_loadtest.engine.users import Gate, release
from tailgate_loadtest.shapes.orders import Swarm
from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.shapes.schedule import Schedule
from tailgate_loadtest.shapes.slices import Slice

_PREPARE = 0.25
"""Users started ahead, as seconds of the peak rate."""
_PATIENCE = 10.0
"""Seconds that these users' ``on_start`` may take before the load begins all the same."""
_HURRIED_DRAIN = 1.0
"""Seconds of drain after an interruption."""
_YIELD_EVERY = 50


Drive = Callable[[Callable[[], float], Event], None]
"""Has users put on and taken off again; told the clock of the load, and when to make haste."""


class Load(Protocol):
    """One process's part of a load, put on once."""

    unstarted: int
    """Arrivals that still waited for a user when the drain was over."""

    def run(self, stop: Event) -> None:
        """Put the load on and wait out its drain, or end early and in a hurry once ``stop`` is set."""

    def standing(self) -> dict[str, float]:
        """How many arrivals came, were begun, ended and wait, and how many users there are and were at most."""

    def finish(self) -> None:
        """Account for the arrivals that are left, once the tracker has ended."""


class OpenLoad:
    """Arrivals by a schedule, carried by pooled users."""

    def __init__(
        self,
        environment: Environment,
        tracker: Tracker,
        health: Health,
        schedule: Schedule,
        slices: Sequence[Slice],
        users: int,
        drain: float,
        classes: Sequence[type[User]],
    ) -> None:
        self._tracker = tracker
        self._health = health
        self._schedule = schedule
        self._slices = slices
        self._sending = Group()
        self._pool = Pool(environment, tracker, {cls.__name__: cls for cls in classes}, users)
        self._drain = drain
        self._arrived = self._judged = 0
        self.unstarted = 0
        self._classes = classes

    @property
    def gates(self) -> dict[type[User], Gate]:
        """Where the users of each class wait for their arrivals."""
        return dict.fromkeys(self._classes, self._pool.gate)

    def gather(self) -> int:
        """Start users ahead of the load; the clock does not run yet. Returns how many there are."""
        ahead = self._schedule.peak * _PREPARE / max(each.step for each in self._slices)
        self._pool.gather({name: math.ceil(ahead * share) for name, share in self._schedule.mix.items()})
        return self._pool.users

    def settle(self, stop: Event) -> None:
        """Wait until they are ready, unless ``stop`` is set."""
        self._pool.settle(_PATIENCE, stop)

    def run(self, stop: Event) -> None:
        """See Load."""
        for each in self._slices:
            self.take_on(each)
        # A slice may be taken on until the end of the schedule: that is what is waited for, not the slices.
        stop.wait(max(self._schedule.length - self._tracker.now(), 0.0))
        if stop.is_set():
            self._sending.kill()
        self._sending.join()
        self._wait_out(stop)

    def take_on(self, share: Slice) -> None:
        """Send the arrivals of a slice, too."""
        self._sending.spawn(self._send, share)

    def _send(self, share: Slice) -> None:
        tracker, warmup = self._tracker, self._schedule.warmup
        with Alarm() as alarm:
            for n, arrival in enumerate(self._schedule.arrivals(share.start, share.step, share.after)):
                # Behind the plan, the loop must still be let go now and then, or nobody else would run.
                if arrival.due > tracker.now() or n % _YIELD_EVERY == 0:
                    alarm.wait(tracker.began + arrival.due)
                self._health.late(tracker.now() - arrival.due)
                self._arrived += 1
                self._judged += arrival.due >= warmup
                self._pool.admit(arrival)

    def _wait_out(self, stop: Event) -> None:
        began = self._tracker.now()
        while self._pool.busy:
            limit = min(self._drain, _HURRIED_DRAIN) if stop.is_set() else self._drain
            if self._tracker.now() - began >= limit:
                return
            gevent.sleep(0.02)

    def standing(self) -> dict[str, float]:
        """See Load."""
        return {
            "arrived": self._arrived,
            "judged": self._judged,
            "started": self._pool.started,
            "completed": self._pool.completed,
            "abandoned": self._pool.abandoned,
            "waiting": self._pool.waiting,
            "users": self._pool.users,
            "most_users": self._pool.most_users,
        }

    def finish(self) -> None:
        """See Load."""
        self.unstarted = self._pool.close()


class ClosedLoad:
    """Users that take turns, as under Locust itself; ``on_start`` is still set-up and not judged."""

    unstarted = 0

    def __init__(self, environment: Environment, tracker: Tracker, drain: float, drive: Drive) -> None:
        self._environment = environment
        self._tracker = tracker
        self._drive = drive
        # Locust gives running tasks so long to end, whoever stops its runner.
        environment.stop_timeout = drain
        self._most_users = 0
        release()

    def run(self, stop: Event) -> None:
        """See Load."""
        self._drive(self._tracker.now, stop)

    def standing(self) -> dict[str, float]:
        """See Load: a request is its own arrival."""
        users = self._environment.runner.user_count if self._environment.runner else 0
        self._most_users = max(self._most_users, users)
        done = self._tracker.requests + self._tracker.unanswered
        begun = done + len(self._tracker.open_flights())
        return {
            **dict.fromkeys(("arrived", "judged", "started"), begun),
            "completed": self._tracker.requests,
            "abandoned": 0,
            "waiting": 0,
            "users": users,
            "most_users": self._most_users,
        }

    def finish(self) -> None:
        """See Load: nothing is left."""


def drive(environment: Environment, swarm: Swarm, now: Callable[[], float], stop: Event) -> None:
    """Have the environment's runner put a swarm on and take it off again; ``now`` counts from the load's beginning."""
    runner = environment.runner
    if runner is None:
        raise LocustError("the environment has no runner")
    if environment.shape_class is not None:
        runner.start_shape()
    else:
        gevent.spawn(runner.start, swarm.users, swarm.spawn_rate)
    while not stop.wait(0.1):
        if swarm.run_time is not None and now() >= swarm.run_time:
            break
        if runner.spawning_greenlet is not None and (error := runner.spawning_greenlet.exception) is not None:
            raise LocustError(f"no user could be started: {type(error).__name__}: {error}")
        shape_ended = environment.shape_class is not None and runner.shape_greenlet is None
        if shape_ended or runner.state == "stopped":
            break
    stopping, began = gevent.spawn(runner.stop), now()
    while not stopping.ready():
        if stop.is_set() and now() - began >= _HURRIED_DRAIN:
            stopping.kill()
            return
        gevent.sleep(0.02)


def schedule_for(profile: Profile, classes: Sequence[type[User]], seed: int) -> Schedule:
    """A profile's arrivals over user classes; LocustError names a class that is not there."""
    return Schedule(profile, mix_of(profile, classes), seed)


def mix_of(profile: Profile, user_classes: Sequence[type[User]]) -> dict[str, float]:
    """The weight of each persona; LocustError names a class that is not there."""
    classes = {cls.__name__: cls for cls in user_classes}
    if not profile.mix:
        return {name: float(cls.weight) for name, cls in classes.items()}
    unknown = sorted(set(profile.mix) - set(classes))
    if unknown:
        raise LocustError(
            f"profile {profile.name!r}: mix: no user class is called {unknown[0]!r}; there are {', '.join(classes)}"
        )
    return {name: weight for name, weight in profile.mix.items() if weight > 0}
