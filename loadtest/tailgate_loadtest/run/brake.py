"""When a load ends before its plan: the service is failing, or a search has found what it was looking for."""

import ipaddress
import itertools
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Self
from urllib.parse import urlsplit

from tailgate_slo import Gate
from tailgate_slo.model import Abort

from tailgate_loadtest.run.document import Tick
from tailgate_loadtest.run.live import Live, Standing, State
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.shapes.profile import Profile, Stage
from tailgate_loadtest.shapes.sides import Side

DEFAULT = Abort(error_ratio=Decimal("0.5"), for_seconds=Decimal(10))
"""For hosts that are not loopback, whose gate says nothing. A service that fails most requests for ten seconds is out
of order, for others too; a restart or a failover is shorter, and many a load test means to see a few errors."""
MINIMUM = 20
"""Requests that a stretch of time must have before its share of failures says anything."""
_NOTHING = Tick(second=0, planned=0, started=0, completed=0, waiting=0, users=0, requests=0, failed=0, lag=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """Why the load was ended before its plan."""

    why: str
    aborted: bool
    """The service is to blame: the run fails."""
    gave_out: tuple[Side, ...] = ()
    """Of two sides that are compared, those to blame."""


def is_loopback(host: str) -> bool:
    """Whether a base address says by itself that it is this machine; a name that only resolves to it does not."""
    name = urlsplit(host).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def criteria(gate: Gate, host: str) -> Abort | None:
    """When to abort: as the gate says, else the default; never on loopback unless the gate says so."""
    if gate.abort is not None:
        return gate.abort
    return None if is_loopback(host) else DEFAULT


class Brake:
    """Looks at every tick, those of the warm-up too, and says when the load must end.

    It must when, over the whole of a trailing window, the share of failed requests among those that ended was above a
    ratio: in every stretch of it that is long enough for MINIMUM of them. Or when nothing ended at all for so long that
    requests are taken to hang (``patience``), while all the time at least MINIMUM arrivals, or as many as there can be
    users, were under way.
    """

    def __init__(self, abort: Abort, *, patience: float, users: int, until: float | None) -> None:
        self._abort = abort
        self._window = max(math.ceil(abort.for_seconds), 1)  # ticks come by the second
        self._patience = max(math.ceil(patience), self._window)
        self._pending = min(MINIMUM, users)
        self._until = math.inf if until is None else until
        self._ticks = deque([_NOTHING])

    @classmethod
    def of(cls, plan: Plan) -> Self | None:
        """The brake of a plan; None when it has none."""
        abort = criteria(plan.objectives.gate(plan.gate_profile) if plan.objectives else Gate(), plan.host)
        if abort is None:
            return None
        load = plan.load
        until = load.warmup + load.duration if isinstance(load, Profile) else load.run_time
        return cls(abort, patience=plan.drain, users=load.users, until=until)

    def look(self, tick: Tick) -> Ending | None:
        """Why the load must end now, if it must. Once all arrivals are sent there is nothing left to end."""
        self._ticks.append(tick)
        while tick.second - self._ticks[1].second >= self._patience:
            self._ticks.popleft()
        why = self._failing() or self._hanging()
        if why is None or tick.second >= self._until:
            return None
        whose = " by default, since the host is not loopback; abort in a Gate sets another" * (self._abort is DEFAULT)
        limit = f"errorRatio {self._abort.error_ratio} for {self._window} s{whose}"
        return Ending(why=f"the brake ended the load at {tick.second:.0f} s: {why} ({limit})", aborted=True)

    def _failing(self) -> str | None:
        window, ratio = self._last(self._window), float(self._abort.error_ratio)
        stretches = _stretches(window)
        if not stretches or any(failed <= ratio * ended for ended, failed in stretches):
            return None
        ended, failed = (sum(column) for column in zip(*stretches, strict=True))
        return (
            f"{failed:.0f} of the {ended:.0f} requests that ended within the last {self._window} s failed,"
            f" {100 * failed / ended:.0f} %, and at no time {100 * ratio:g} % or less"
        )

    def _hanging(self) -> str | None:
        window = self._last(self._patience)
        pending = [tick.started - tick.completed + tick.waiting for tick in window]
        if not window or window[-1].requests > window[0].requests or min(pending) < self._pending:
            return None
        return f"no request ended within the last {self._patience} s, and {pending[-1]:.0f} arrivals were under way"

    def _last(self, seconds: int) -> list[Tick]:
        """The ticks of so many seconds, led by the one before them; none while the load is younger than that."""
        first = self._ticks[-1].second - seconds
        if first < 0:
            return []
        return [*[t for t in self._ticks if t.second <= first][-1:], *(t for t in self._ticks if t.second > first)]


def _stretches(window: Sequence[Tick]) -> list[tuple[float, float]]:
    """Requests that ended and that failed, in stretches as short as MINIMUM requests allow; none if they are fewer."""
    found = [(0.0, 0.0)]
    for before, after in pairwise(window):
        if found[-1][0] >= MINIMUM:
            found.append((0.0, 0.0))
        ended, failed = found[-1]
        found[-1] = (ended + after.requests - before.requests, failed + after.failed - before.failed)
    ended, failed = found[-1]
    if ended < MINIMUM:  # too short for itself: it lengthens the one before
        found.pop()
        if found:
            found[-1] = (found[-1][0] + ended, found[-1][1] + failed)
    return found


class Climb:
    """Ends a staircase of rates on the first step that cannot be held any more.

    It cannot when an objective is missed by what the step has seen so far, and would be even if all that is still to
    come in it were good; not before half of it is over, since the judge asks that much of a step.
    """

    def __init__(self, profile: Profile) -> None:
        starts = itertools.accumulate((stage.duration for stage in profile.stages), initial=profile.warmup)
        self._steps = list(zip(starts, profile.stages, strict=False))
        self._step = -1
        self._before: dict[str, Standing] = {}
        self._latest: dict[str, Standing] = {}

    def look(self, live: Live) -> Ending | None:
        """Why the load can end now, if it can."""
        earlier, self._latest = self._latest, {standing.slo.name: standing for standing in live.standings()}
        second = live.tick.second if live.tick is not None else 0.0
        for step, (start, stage) in enumerate(self._steps):
            if not start < second <= start + stage.duration:
                continue
            if step != self._step:
                self._step, self._before = step, earlier
            if second - start >= stage.duration / 2 and (lost := self._lost(stage, second - start)):
                return Ending(why=f"the search was ended at {second:.0f} s: {lost}", aborted=False)
        return None

    def _lost(self, stage: Stage, elapsed: float) -> str | None:
        arrived = elapsed * (stage.start + (stage.end - stage.start) * elapsed / stage.duration / 2)
        for name, standing in self._latest.items():
            ran = standing.since(self._before[name]) if name in self._before else standing
            # With so many bad of all the requests that the step will have, it is missed whatever the others are.
            if ran.state is State.MISSED and ran.bad * arrived > ran.allowed * ran.samples * stage.arrivals:
                return (
                    f"{name} cannot be kept at {stage.end:g} arrivals/s ({ran.bad} of {ran.samples} requests were bad,"
                    f" {100 * ran.allowed:g} % may be), so no higher rate was tried"
                )
        return None
