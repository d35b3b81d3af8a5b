"""A master: gathers workers, shares a load out among them, and gives the desk what they report.

A worker that falls silent is given up: those that are left take its later arrivals on, and what it had begun and not
reported is lost, which is stated.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.exception import LocustError, RPCError
from locust.runners import MasterRunner

from tailgate_loadtest.engine import messages
from tailgate_loadtest.engine.children import Children
from tailgate_loadtest.engine.desk import Desk, Say
from tailgate_loadtest.engine.hand import Report
from tailgate_loadtest.engine.loads import Drive
from tailgate_loadtest.engine.post import Inbox
from tailgate_loadtest.engine.strangers import GREETING, heed_only, strike
from tailgate_loadtest.engine.worker import digest_of, name_of
from tailgate_loadtest.errors import DeltaError
from tailgate_loadtest.shapes.dealing import Dealer
from tailgate_loadtest.shapes.orders import Crew, Enlistment, Orders
from tailgate_loadtest.shapes.schedule import Schedule
from tailgate_loadtest.shapes.slices import Slice, shares

_DELAY = 0.2
"""Seconds from the word to begin to the beginning, the same for all."""
_PREPARE = 30.0
"""Seconds that the workers may take to prepare."""
_SILENCE = 5.0
"""Seconds without a report after which a worker is given up."""
_TAKE_OVER = 0.5
"""Seconds until others have taken over."""
_LATE = 15.0
"""Seconds past the drain in which the last reports must be here."""
_HURRY = 3.0
"""The same, after an interruption and with the drain in it."""
_LOOK = 0.05


@dataclass(slots=True)
class _Worker:
    """One worker, as the master knows it."""

    id: str
    name: str
    inbox: Inbox = field(default_factory=Inbox)
    slices: list[Slice] = field(default_factory=list)
    prepared: bool = False
    heard: float = 0.0
    """When it reported last, in seconds of the load."""


class Master:
    """Leads one load."""

    def __init__(
        self,
        orders: Orders,
        crew: Crew,
        environment: Environment,
        desk: Desk,
        schedule: Schedule | None,
        drive: Drive,
        dealer: Dealer,
    ) -> None:
        if not isinstance(environment.runner, MasterRunner):
            raise LocustError("a master needs Locust's master runner")
        self._orders = orders
        self._crew = crew
        self._environment = environment
        self._runner = environment.runner
        self._desk = desk
        self._schedule = schedule
        self._drive = drive
        self._dealer = dealer
        self._digest = digest_of(orders.locustfile)
        self._workers: dict[str, _Worker] = {}
        self._lost: set[str] = set()
        self._failure: str | None = None
        """What a worker started here said when it could not work."""
        self._begun = False
        self._listeners: dict[str, messages.Listener] = {
            messages.ASK: self._asked,
            messages.READY: self._ready,
            messages.PREPARED: self._prepared,
            messages.REPORT: self._reported,
            messages.FEED: self._fed,
        }
        for kind, listener in self._listeners.items():
            messages.listen(self._runner, kind, orders.key, listener)
        heed_only(self._runner, self._welcome)

    def _welcome(self, sender: str, kind: str) -> bool:
        # A worker is ready for Locust before it is ready for us; who then is not, is struck off the list.
        return kind in self._listeners or sender in self._workers or (kind == GREETING and not self._begun)

    def children(self) -> Children:
        """The workers that are started here."""
        orders = self._orders
        worker = Enlistment(
            host=self._crew.host,
            port=self._runner.server.port,
            locustfile=orders.locustfile,
            key=orders.key,
            targets=orders.targets,
            run_secret=orders.run_secret,
            tls=orders.tls,
        )
        return Children(self._crew.processes, worker, self._gone)

    def lead(self, say: Say, stop: Event) -> None:
        """Have the load put on, and give the desk an account of all of it.

        Raises:
            LocustError: it never began, because workers did not come.
        """
        self._gather(stop)
        if stop.is_set():
            self._desk.begin()  # of nothing, but an account
            self._tell(messages.STOP, {})
            return
        if self._schedule is not None:
            self._environment.events.test_start.fire(environment=self._environment)
        self._tell(messages.GO, {"delay": _DELAY})
        gevent.sleep(_DELAY)
        if self._failure is not None:
            raise LocustError(self._failure)
        self._desk.begin()
        self._begun = True
        ticker = gevent.spawn(self._tick, say)
        strike(self._runner, self._workers)
        if self._schedule is None:
            self._drive(self._desk.now, stop)
            self._tell(messages.OVER, {})
        self._see_out(stop)
        ticker.kill()
        self._desk.tick(say)

    def _gather(self, stop: Event) -> None:
        """Wait until every worker is there and prepared, or the load is stopped before."""
        crew = self._crew
        if self._schedule is not None and self._orders.load.users < crew.expect:
            raise LocustError(
                f"{crew.expect} workers have no use of a profile with users: {self._orders.load.users}; each needs one"
            )
        self._await(lambda: len(self._workers) >= crew.expect, crew.patience, stop, "came")
        count = len(self._workers)
        for index, worker in enumerate(self._workers.values()):
            worker.slices = [shares(count)[index]]
            self._send(worker, messages.PLACE, {"index": index, "count": count})
        self._await(lambda: all(worker.prepared for worker in self._workers.values()), _PREPARE, stop, "were prepared")

    def _see_out(self, stop: Event) -> None:
        length = self._schedule.length if self._schedule is not None else self._desk.now()
        told = False
        deadline = length + self._orders.drain + _LATE
        while self._present():
            if stop.is_set() and not told:
                self._tell(messages.STOP, {})
                told, deadline = True, self._desk.now() + _HURRY
            if self._desk.now() >= deadline:
                for worker in self._present():
                    self._lose(worker, "gave no last report")
                return
            stop.wait(_LOOK) if not told else gevent.sleep(_LOOK)

    def _present(self) -> list[_Worker]:
        """The workers that have more to say."""
        return [each for each in self._workers.values() if each.id not in self._lost and not self._desk.ended(each.id)]

    def _tick(self, say: Say) -> None:
        second = 0
        while True:
            second += 1
            gevent.sleep(max(second - self._desk.now(), 0.0))
            if self._desk.now() - second > messages.INTERVAL:
                # It was this process that stood still: what the others said meanwhile waits to be heard.
                second = int(self._desk.now())
                for worker in self._present():
                    worker.heard = self._desk.now()
            for worker in self._present():
                if self._desk.now() - worker.heard > _SILENCE:
                    self._lose(worker, f"fell silent for {_SILENCE:.0f} s")
            self._desk.tick(say, second)

    def _lose(self, worker: _Worker, how: str) -> None:
        self._lost.add(worker.id)
        self._send(worker, messages.DISMISSED, {"why": "the master gave this worker up: it " + how})
        now, others = self._desk.now(), self._present()
        what = f"worker {worker.name} {how} at {now:.0f} s"
        if self._schedule is None:
            self._desk.doubt(f"{what}, and what its users did is not known")
            return
        until = min(now + _TAKE_OVER, self._schedule.length) if others else self._schedule.length
        dues = [
            arrival
            for each in worker.slices
            for arrival in takewhile(
                lambda arrival: arrival.due <= until, self._schedule.arrivals(each.start, each.step, each.after)
            )
        ]
        dues.sort(key=lambda arrival: arrival.due)
        # Arrivals end more or less in the order in which they were due: of those, it had ended so many.
        lost = dues[self._desk.completed(worker.id) :]
        if others:
            self._share_out(worker, others, until)
            rest = f"; the other {len(others)} took over" if until < self._schedule.length else ""
        else:
            rest = ", and no other was left"
            self._desk.doubt(f"{what}{rest}")
        self._desk.lose(f"{what}: the end of {len(lost)} arrivals is not known{rest}", lost)

    def _share_out(self, worker: _Worker, others: list[_Worker], after: float) -> None:
        for left in worker.slices:
            for other, part in zip(others, left.split(len(others), after), strict=True):
                other.slices.append(part)
                self._send(other, messages.TAKE_ON, {"slices": [[part.start, part.step, part.after]]})

    def _gone(self, process: int, code: int, wrong: str | None) -> None:
        """A worker that was started here has ended: it cannot be gone without being missed at once."""
        if not self._begun:
            self._failure = self._failure or wrong or f"a worker died before the load began (exit code {code})"
            return
        for worker in self._present():
            if worker.name == name_of(process):
                self._lose(worker, f"died (exit code {code})")

    def _await(self, done: Callable[[], bool], patience: float, stop: Event, what: str) -> None:
        end = time.monotonic() + patience
        while not done() and not stop.wait(_LOOK):
            if self._failure is not None:
                raise LocustError(self._failure)
            if time.monotonic() > end:
                ready = sum(worker.prepared for worker in self._workers.values()) if self._workers else 0
                here = len(self._workers) if what == "came" else ready
                raise LocustError(f"only {here} of {self._crew.expect} workers {what} within {patience:.0f} s")

    def _asked(self, sender: str, data: Mapping[str, Any]) -> None:
        if data.get("locustfile") != self._digest:
            answer: dict[str, Any] = {"refused": "its locustfile is not the same as the master's"}
        elif self._begun or len(self._workers) >= self._crew.expect:
            answer = {"refused": "the load has begun already, or has all the workers it expects"}
        else:
            answer = self._orders.shared()
        self._runner.send_message(messages.ORDERS, answer, sender)

    def _ready(self, sender: str, data: Mapping[str, Any]) -> None:
        if self._begun or len(self._workers) >= self._crew.expect:
            why = "the load has begun already, or has all the workers it expects"
            self._runner.send_message(messages.DISMISSED, {"why": why, "key": self._orders.key}, sender)
            return
        self._workers[sender] = _Worker(sender, str(data["name"])[:100])

    def _prepared(self, sender: str, _: Mapping[str, Any]) -> None:
        if sender in self._workers:
            self._workers[sender].prepared = True

    def _reported(self, sender: str, data: Mapping[str, Any]) -> None:
        worker = self._workers.get(sender)
        if worker is None or sender in self._lost:
            return
        worker.heard = max(self._desk.now(), 0.0)
        try:
            number, report = int(data["number"]), Report.of(data)
            if worker.inbox.accept(number):
                self._desk.take(sender, number, report)
        except (DeltaError, KeyError, TypeError, ValueError) as error:
            self._lose(worker, f"sent what is no report ({error}), and was dismissed")
            return
        self._send(worker, messages.ACKNOWLEDGED, {"number": worker.inbox.complete})

    def _fed(self, sender: str, data: Mapping[str, Any]) -> None:
        worker = self._workers.get(sender)
        if worker is not None and sender not in self._lost:
            self._send(worker, messages.ROWS, self._dealer.deal(sender, data))

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        for worker in self._present() if self._begun else self._workers.values():
            self._send(worker, kind, data)

    def _send(self, worker: _Worker, kind: str, data: dict[str, Any]) -> None:
        try:
            self._runner.send_message(kind, {**data, "key": self._orders.key}, worker.id)
        except RPCError:
            return  # it is gone, and is missed soon
