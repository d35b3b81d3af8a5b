"""The two ways to put a load on: open, where arrivals come when they are due, and closed, where users take turns."""

import math
from collections.abc import Mapping
from typing import Protocol

import gevent
from gevent.event import Event
from locust import User
from locust.env import Environment
from locust.exception import LocustError

from tailgate_loadtest.engine.health import Health
from tailgate_loadtest.engine.pool import Pool
from tailgate_loadtest.engine.tracker import Tracker
from tailgate_loadtest.engine.users import follow, pace, release
from tailgate_loadtest.shapes.orders import Swarm
from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.shapes.schedule import Schedule

_PREPARE = 0.25
"""Users started ahead, as seconds of the peak rate."""
_PATIENCE = 10.0
"""Seconds that these users' ``on_start`` may take before the load begins all the same."""
_HURRIED_DRAIN = 1.0
"""Seconds of drain after an interruption."""
_YIELD_EVERY = 50


class Load(Protocol):
    """One load, put on once."""

    @property
    def length(self) -> float | None:
        """Planned seconds, warm-up included; None when only the locustfile knows."""

    def prepare(self, stop: Event) -> None:
        """Make ready, unless ``stop`` is set; the clock does not run yet."""

    def run(self, stop: Event) -> None:
        """Put the load on and wait out its drain, or end early and in a hurry once ``stop`` is set."""

    def gauges(self, now: float) -> dict[str, float]:
        """Planned, started and completed arrivals until now, how many wait, and how many users there are."""

    def finish(self) -> dict[str, int]:
        """Account for the arrivals, once the tracker has ended."""


class OpenLoad:
    """Arrivals by a schedule, carried by pooled users."""

    def __init__(
        self,
        environment: Environment,
        tracker: Tracker,
        health: Health,
        profile: Profile,
        seed: int,
        drain: float,
    ) -> None:
        classes = {cls.__name__: cls for cls in environment.user_classes}
        self._mix = _mix(profile, classes)
        self._environment = environment
        self._tracker = tracker
        self._health = health
        self._profile = profile
        self._drain = drain
        self._schedule = Schedule(profile, self._mix, seed)
        self._pool = Pool(environment, tracker, classes, profile.users)
        self._admitted = self._judged = 0
        follow(environment.user_classes, tracker)
        pace(self._pool.gate)

    @property
    def length(self) -> float | None:
        """See Load."""
        return self._schedule.length

    def prepare(self, stop: Event) -> None:
        """See Load."""
        self._environment.events.test_start.fire(environment=self._environment)
        total = sum(self._mix.values())
        ahead = self._profile.peak * _PREPARE
        self._pool.prepare({name: math.ceil(ahead * w / total) for name, w in self._mix.items()}, _PATIENCE, stop)

    def run(self, stop: Event) -> None:
        """See Load."""
        for arrival in self._schedule.arrivals():
            ahead = arrival.due - self._tracker.now()
            # Behind the plan, the loop must still be let go now and then, or nobody else would run.
            if ahead > 0 and stop.wait(ahead):
                break
            if ahead <= 0 and arrival.number % _YIELD_EVERY == 0:
                gevent.sleep(0)
            if stop.is_set():
                break
            self._health.late(self._tracker.now() - arrival.due)
            self._admitted += 1
            self._judged += arrival.due >= self._profile.warmup
            self._pool.admit(arrival)
        else:
            stop.wait(max(self._schedule.length - self._tracker.now(), 0.0))
        self._wait_out(stop)

    def _wait_out(self, stop: Event) -> None:
        began = self._tracker.now()
        while self._pool.busy:
            limit = min(self._drain, _HURRIED_DRAIN) if stop.is_set() else self._drain
            if self._tracker.now() - began >= limit:
                return
            gevent.sleep(0.02)

    def gauges(self, now: float) -> dict[str, float]:
        """See Load."""
        return {
            "planned": self._schedule.expected(now),
            "started": self._pool.started,
            "completed": self._pool.completed,
            "waiting": self._pool.waiting,
            "users": self._pool.users,
        }

    def finish(self) -> dict[str, int]:
        """See Load."""
        unstarted = self._pool.close()
        uncharged = self._tracker.conclude()
        return {
            "planned": round(self._schedule.expected(self._schedule.length)),
            "arrived": self._admitted,
            "judged": self._judged,
            "started": self._pool.started,
            "completed": self._pool.completed,
            "unstarted": unstarted,
            "abandoned": self._pool.abandoned,
            "uncharged": uncharged,
            "most_users": self._pool.most_users,
            "user_bound": self._profile.users,
        }


class ClosedLoad:
    """Users that take turns, as under Locust itself; ``on_start`` is still set-up and not judged."""

    def __init__(self, environment: Environment, tracker: Tracker, swarm: Swarm, drain: float) -> None:
        self._environment = environment
        self._tracker = tracker
        self._swarm = swarm
        # Locust gives running tasks so long to end, whoever stops its runner.
        environment.stop_timeout = drain
        self._most_users = 0
        follow(environment.user_classes, tracker)
        release()

    @property
    def length(self) -> float | None:
        """See Load."""
        return self._swarm.run_time

    def prepare(self, stop: Event) -> None:
        """See Load: Locust starts users within the load."""

    def run(self, stop: Event) -> None:
        """See Load."""
        runner = self._environment.runner
        if runner is None:
            raise LocustError("the environment has no runner")
        if self._environment.shape_class is not None:
            runner.start_shape()
        else:
            gevent.spawn(runner.start, self._swarm.users, self._swarm.spawn_rate)
        while not stop.wait(0.1):
            if self._swarm.run_time is not None and self._tracker.now() >= self._swarm.run_time:
                break
            shape_ended = self._environment.shape_class is not None and runner.shape_greenlet is None
            if shape_ended or runner.state == "stopped":
                break
        self._wait_out(gevent.spawn(runner.stop), stop)

    def _wait_out(self, stopping: gevent.Greenlet, stop: Event) -> None:
        began = self._tracker.now()
        while not stopping.ready():
            if stop.is_set() and self._tracker.now() - began >= _HURRIED_DRAIN:
                stopping.kill()
                return
            gevent.sleep(0.02)

    def gauges(self, now: float) -> dict[str, float]:
        """See Load: under the closed model a request is its own arrival."""
        del now
        users = self._environment.runner.user_count if self._environment.runner else 0
        self._most_users = max(self._most_users, users)
        begun = self._tracker.requests + len(self._tracker.open_flights())
        return {
            "planned": begun,
            "started": begun,
            "completed": self._tracker.requests,
            "waiting": 0,
            "users": users,
        }

    def finish(self) -> dict[str, int]:
        """See Load."""
        done = self._tracker.requests
        begun = done + self._tracker.unanswered
        return {
            "planned": begun,
            "arrived": begun,
            "judged": begun,
            "started": begun,
            "completed": done,
            "unstarted": 0,
            "abandoned": 0,
            "uncharged": 0,
            "most_users": self._most_users,
            "user_bound": self._swarm.users,
        }


def _mix(profile: Profile, classes: Mapping[str, type[User]]) -> dict[str, float]:
    if not profile.mix:
        return {name: float(cls.weight) for name, cls in classes.items()}
    unknown = sorted(set(profile.mix) - set(classes))
    if unknown:
        raise LocustError(
            f"profile {profile.name!r}: mix: no user class is called {unknown[0]!r}; there are {', '.join(classes)}"
        )
    return {name: weight for name, weight in profile.mix.items() if weight > 0}
