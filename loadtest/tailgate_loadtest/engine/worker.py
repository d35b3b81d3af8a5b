"""A worker: asks its leader what to do, puts its part of the load on, and reports each second."""

import os
import random
import socket
import uuid
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import gevent
import locust.runners
from gevent.event import AsyncResult, Event
from locust.env import Environment
from locust.exception import LocustError, RPCError
from locust.rpc import Message
from locust.rpc.zmqrpc import Client
from locust.runners import WorkerRunner
from tailgate_otel.names import ENV_CREW_KEY

from tailgate_loadtest.engine import messages
from tailgate_loadtest.engine.feeding import Dealt
from tailgate_loadtest.engine.hand import Hand, hand_for, prepare, start
from tailgate_loadtest.engine.loads import Load, OpenLoad
from tailgate_loadtest.engine.post import Outbox
from tailgate_loadtest.shapes.orders import Enlistment, Orders
from tailgate_loadtest.shapes.slices import Slice

_ASK_EVERY = 2.0
_PATIENCE = 600.0
"""Seconds to wait for the other workers."""
_UNHEARD = 30
"""Reports without an acknowledgement after which the leader is taken to be gone."""
_LAST_WORDS = 10.0
"""Seconds in which the last report must be acknowledged."""


def digest_of(locustfile: str) -> str:
    """What leader and workers compare their locustfiles by."""
    return sha256(Path(locustfile).read_bytes()).hexdigest()


def name_of(process: int) -> str:
    """What a worker of this machine is called."""
    return f"{socket.gethostname()}:{process}"


def ask(enlistment: Enlistment) -> Orders:
    """The orders of the leader, for what is found here.

    Raises:
        LocustError: no leader answers, or it does not want this worker; the message says why.
    """
    place = f"{enlistment.host}:{enlistment.port}"
    identity = f"{socket.gethostname()}_{uuid.uuid4().hex}"
    client = Client(enlistment.host, enlistment.port, identity)
    question = {"key": enlistment.key, "locustfile": digest_of(enlistment.locustfile)}
    answer: dict[str, Any] | None = None
    try:
        for _ in range(max(round(enlistment.patience / _ASK_EVERY), 1)):
            client.send(Message(messages.ASK, question, identity))
            with gevent.Timeout(_ASK_EVERY, False):
                answer = client.recv().data
                break
    except RPCError as error:
        raise LocustError(f"the master at {place} cannot be spoken to: {error}") from error
    finally:
        client.close(linger=0)
    if answer is None:
        raise LocustError(
            f"no master answers at {place}; start `tailgate run --master` there, correct --master-host, or give"
            f" {ENV_CREW_KEY} as it has it"
        )
    if answer.get("refused"):
        raise LocustError(f"the master at {place} does not take this worker: {answer['refused']}")
    return enlistment.orders(answer)


def create_runner(environment: Environment, enlistment: Enlistment) -> WorkerRunner:
    """Locust's worker, of that leader."""
    # What workers write goes to their own logs; for a process of its own: the constants are not the same afterwards.
    locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
    return environment.create_worker_runner(enlistment.host, enlistment.port)


class Worker:
    """One worker, from being ready to its last report."""

    def __init__(self, orders: Orders, environment: Environment, dealt: Dealt, stop: Event) -> None:
        if not isinstance(environment.runner, WorkerRunner):
            raise LocustError("a worker needs Locust's worker runner")
        self._orders = orders
        self._environment = environment
        self._runner = environment.runner
        self._stop = stop
        self._over = Event()
        self._place, self._go = AsyncResult(), AsyncResult()
        self._outbox = Outbox()
        self._dealt = dealt
        dealt.ask = lambda data: self._send(messages.FEED, data)
        self._load: Load | None = None
        self.dismissed: str | None = None
        """Why the leader wants nothing more of it."""
        for kind, listener in (
            (messages.PLACE, lambda _, data: self._place.set(data)),
            (messages.GO, lambda _, data: self._go.set(data)),
            (messages.ACKNOWLEDGED, lambda _, data: self._outbox.acknowledged(data["number"])),
            (messages.TAKE_ON, lambda _, data: self._take_on(data)),
            (messages.OVER, lambda _, data: self._over.set()),
            (messages.ROWS, lambda _, data: dealt.answered(data)),
            (messages.STOP, lambda _, data: stop.set()),
            (messages.DISMISSED, lambda _, data: self._dismiss(data)),
        ):
            messages.listen(self._runner, kind, orders.key, listener)

    def work(self) -> None:
        """Put its part of the load on. Raises LocustError when it never comes to that."""
        self._send(messages.READY, {"name": name_of(os.getpid())})
        place = self._wait(self._place)
        if place is None:
            return
        random.seed(f"{self._orders.seed}/{place['index']}")  # no two workers make the same choices
        hand = hand_for(self._orders, self._environment, place["index"], place["count"], self._wait_out)
        self._load = hand.load
        self._dealt.fill()
        prepare([hand], self._stop)
        self._send(messages.PREPARED, {})
        go = self._wait(self._go)
        if go is None:
            return
        gevent.sleep(go["delay"])
        start([hand])
        reporter = gevent.spawn(self._report, hand)
        hand.load.run(self._stop)
        reporter.kill()
        self._outbox.put(hand.finish(self._stop).plain())
        with gevent.Timeout(_LAST_WORDS, False):
            while len(self._outbox) and self.dismissed is None:
                self._flush(hand)
                gevent.sleep(0.05)

    def _wait_out(self, now: Callable[[], float], stop: Event) -> None:
        # The master starts and stops users by Locust's own messages, and says when that is over.
        del now
        while not self._over.wait(0.05) and not stop.is_set():
            pass

    def _report(self, hand: Hand) -> None:
        second = 0
        while True:
            second += 1
            gevent.sleep(max(second * messages.INTERVAL - hand.tracker.now(), 0.0))
            self._outbox.put(hand.report().plain())
            self._flush(hand)
            if len(self._outbox) > _UNHEARD:
                self.dismissed = "the master does not answer any more"
                self._stop.set()
                return

    def _flush(self, hand: Hand) -> None:
        for report in self._outbox.due(hand.tracker.now()):
            self._send(messages.REPORT, report)

    def _take_on(self, data: Any) -> None:
        if isinstance(self._load, OpenLoad):
            for start, step, after in data["slices"]:
                self._load.take_on(Slice(start, step, after))

    def _dismiss(self, data: Any) -> None:
        self.dismissed = str(data["why"])
        self._stop.set()

    def _wait(self, answer: AsyncResult) -> Any:
        """What comes; None when the load is stopped before."""
        with gevent.Timeout(_PATIENCE, LocustError("the load never began")):
            while not answer.ready() and not self._stop.wait(0.02):
                pass
        return answer.value if answer.ready() else None

    def _send(self, kind: str, data: dict[str, Any]) -> None:
        try:
            self._runner.send_message(kind, {**data, "key": self._orders.key})
        except RPCError:
            return  # it is sent again, or the leader finds out by the silence
