"""Where the reports of every process come together: the log, a line a second, and the account of the whole load."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tailgate_loadtest.engine.diagnosis import assess
from tailgate_loadtest.engine.hand import STANDING, Report
from tailgate_loadtest.engine.stats import StatsFeed
from tailgate_loadtest.measure.charges import charge
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import LogWriter
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.measure.ledger import Ledger
from tailgate_loadtest.measure.split import Split
from tailgate_loadtest.shapes.schedule import Arrival, Schedule
from tailgate_loadtest.shapes.tolerance import Tolerance

_MAX_WORDS = 4 * 1024 * 1024
"""Bytes on standard error that are kept."""
_USUAL = Tolerance()

Say = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class _Process:
    """What is known of one process that puts load on."""

    standing: dict[str, float] = field(default_factory=lambda: dict.fromkeys((*STANDING, "failed", "in_flight"), 0.0))
    end: dict[str, Any] | None = None
    lag: float = 0.0
    """The worst since the last tick."""
    number: int = -1
    """Of its latest report."""


class Desk:
    """One load's account."""

    def __init__(
        self, log: LogWriter, feed: StatsFeed, schedule: Schedule | None, users: int, tolerance: Tolerance = _USUAL
    ) -> None:
        self._log = log
        self._feed = feed
        self._schedule = schedule
        self._users = users
        self._tolerance = tolerance
        self._ledger = Ledger(log, feed.written)
        self._processes: dict[str, _Process] = {}
        self._began = 0.0
        self._start = time.perf_counter()
        self._notes: list[str] = []
        self._told = 0
        self._reasons: list[str] = []
        self._lost: dict[str, list[float]] = {}

    def begin(self) -> None:
        """The load begins now."""
        self._start = time.perf_counter()
        self._began = self._feed.began = time.time()
        self._log.begin(self._began, "Logged by tailgate")

    def now(self) -> float:
        """Seconds since the load began."""
        return time.perf_counter() - self._start

    def take(self, worker: str, number: int, report: Report) -> None:
        """A process has reported; its reports are numbered, and may come out of order, but only once each."""
        process = self._processes.setdefault(worker, _Process())
        process.lag = max(process.lag, report.standing["lag"])
        if number > process.number and process.end is None:
            process.number, process.standing, process.end = number, report.standing, report.end
        self._ledger.add(report.delta)

    def ended(self, worker: str) -> bool:
        """Whether a process has given its last report."""
        process = self._processes.get(worker)
        return process is not None and process.end is not None

    def completed(self, worker: str) -> int:
        """How many arrivals a process has completed, as far as it has reported."""
        process = self._processes.get(worker)
        return round(process.standing["completed"]) if process is not None else 0

    def lose(self, note: str, arrivals: list[Arrival]) -> None:
        """A worker is gone, and with it the end of these arrivals; others carry on in its place."""
        self._notes.append(note)
        for arrival in arrivals:
            self._lost.setdefault(arrival.persona, []).append(arrival.due)

    def doubt(self, reason: str) -> None:
        """Something lets no verdict be sound."""
        self._reasons.append(reason)

    def tick(self, say: Say, second: int | None = None) -> None:
        """A second has passed, or (without one) all is over: tell how the load stands."""
        now = self.now()
        self._ledger.fold(now)
        _bound_words()
        recent, sums = self._ledger.recent(), self._sums()
        tick = {
            "second": round(now, 3) if second is None else float(second),
            "planned": self._planned(now),
            **{key: sums[key] for key in ("started", "completed", "waiting", "users", "requests", "failed")},
            "lag": max((process.lag for process in self._processes.values()), default=0.0),
        }
        for process in self._processes.values():
            process.lag = 0.0
        if recent.counts:
            tick |= {name: recent.quantile(q) for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
        counts = [[route, kind, list(found.counts.items())] for (route, kind), found in self._ledger.fresh().items()]
        say({"tick": tick, "counts": counts, "notes": self._notes[self._told :]})
        self._told = len(self._notes)

    def close(self, path: Path) -> None:
        """The load is over: write what is left of the log, and the account."""
        now = self.now()
        ends = [process.end for process in self._processes.values() if process.end is not None]
        uncharged = self._charge(now)
        self._ledger.close()
        sums, most = self._sums(), sum(process.standing["most_users"] for process in self._processes.values())
        unstarted = sum(end["unstarted"] for end in ends)
        generator = assess([end["health"] for end in ends], self._tolerance)
        generator["reasons"] = self._reasons + cast("list[str]", generator["reasons"])
        result = {
            "began": self._began,
            "seconds": max([end["seconds"] for end in ends], default=now),
            "stopped_early": any(end["stopped_early"] for end in ends),
            "model": "open" if self._schedule else "closed",
            "arrivals": {
                **{key: round(sums[key]) for key in ("arrived", "judged", "started", "completed", "abandoned")},
                "planned": round(self._planned(float("inf"))),
                "unstarted": unstarted,
                "unfinished": sum(end["unfinished"] for end in ends),
                "uncharged": uncharged,
                "lost": sum(map(len, self._lost.values())),
                "most_users": round(most),
                "user_bound": self._users,
            },
            "warmup_requests": self._ledger.warmup_requests,
            "generator": generator,
            "errors": {route: dict(errors.most_common()) for route, errors in sorted(self._ledger.errors.items())},
            "splits": {route: _percentiles(split) for route, split in sorted(self._ledger.splits.items())},
            "slowest": [
                {**slow._asdict(), "error": slow.error or None, "trace_id": slow.trace_id or None}
                for slow in self._ledger.slowest.sorted()
            ],
            "folded_routes": self._ledger.folded,
            "exceptions": dict(self._ledger.exceptions),
            "notes": self._notes,
        }
        part = path.with_suffix(".part")
        part.write_text(json.dumps(result), encoding="utf-8")
        part.replace(path)

    def _charge(self, now: float) -> int:
        ledger, warmup = self._ledger, self._schedule.warmup if self._schedule else 0.0
        asked, begun = dict(ledger.asked), dict(ledger.begun)
        uncharged = 0
        for kind, dues in ((Kind.CENSORED, ledger.unstarted), (Kind.LOST, self._lost)):
            charged, nowhere = charge(dues, begun, asked)
            uncharged += nowhere
            for route, due in charged:
                if due < warmup:
                    ledger.warmup_requests += 1
                    continue
                waited = Histogram()
                waited.add(round((now - due) * 1e9) if kind is Kind.CENSORED else 0)
                ledger.count(int(due), route, kind, waited)
        return uncharged

    def _sums(self) -> dict[str, float]:
        keys = ("arrived", "judged", "started", "completed", "abandoned", "waiting", "users", "requests", "failed")
        return {key: sum(process.standing[key] for process in self._processes.values()) for key in keys}

    def _planned(self, until: float) -> float:
        # Under the closed model a request is its own arrival.
        return self._schedule.expected(until) if self._schedule else self._sums()["arrived"]


def _percentiles(split: Split) -> dict[str, dict[str, float]]:
    found = {name: split.around(q) for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {
        name: {"requests": around.requests, "told": around.told, **around.parts}
        for name, around in found.items()
        if around is not None
    }


def _bound_words() -> None:
    # A locustfile may print, and raise, without end; who started us reads only the last words, from a file.
    if os.fstat(2).st_size > _MAX_WORDS:
        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)
