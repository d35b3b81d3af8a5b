"""What reaches a master's port without belonging there: nothing of it is counted, and nothing is kept from being."""

import socket
import threading
from collections.abc import Callable

import msgpack
import psutil
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.engine.post import Inbox
from tailgate_loadtest.errors import EngineError

from tests.loadtest.conftest import carry_out, plan_of, steady
from tests.loadtest.test_distribution import SOMEONE, crew, free_port
from tests.loadtest.test_engine import asked, check_log_agrees


class Stranger:
    """Speaks to a master, by Locust's wire format or by any bytes, without the key."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, b"stranger")
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(f"tcp://127.0.0.1:{port}")

    def say(self, kind: str, data: object, name: str = "stranger") -> None:
        self.send(msgpack.packb((kind, data, name)))

    def send(self, raw: bytes) -> None:
        self._socket.send(raw, zmq.NOBLOCK)

    def raw(self, data: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=2) as connection:
            connection.sendall(data)

    def close(self) -> None:
        self._socket.close()
        self._context.term()


REPORT = {"number": 0, "delta": {}, "standing": {}, "end": None}

HARM: dict[str, Callable[[Stranger], None]] = {
    "bytes that are no message": lambda s: s.raw(b"GET / HTTP/1.1\r\n\r\n" * 100),
    "no msgpack": lambda s: s.send(b"\xc1\xff\x00"),
    "msgpack of something else": lambda s: s.send(msgpack.packb(17)),
    "a greeting": lambda s: s.say("client_ready", -1),
    "a greeting in another's name": lambda s: s.say("client_ready", -1, "somebody"),
    "quit": lambda s: s.say("quit", None),
    "stopped": lambda s: s.say("client_stopped", None),
    "users": lambda s: s.say("stats", {"user_classes_count": {"Someone": 10**6}, "user_count": 10**6}),
    "spawned": lambda s: s.say("spawning_complete", {"user_classes_count": {}, "user_count": 5}),
    "an exception": lambda s: s.say("exception", {"msg": "x", "traceback": "y"}),
    "ready without the key": lambda s: s.say("tailgate_ready", {"name": "x"}),
    "a report without the key": lambda s: s.say("tailgate_report", REPORT),
    "a report with another key": lambda s: s.say("tailgate_report", {**REPORT, "key": "guess"}),
    "an ask without the key": lambda s: s.say("tailgate_ask", {"locustfile": "x"}),
    "a feed without the key": lambda s: s.say("tailgate_feed", {"file": "/etc/passwd", "mode": "unique"}),
}


def test_a_stranger_at_the_masters_port_changes_nothing(api, tmp_path):
    port = free_port()
    plan = plan_of(tmp_path, api.url, SOMEONE, steady(60, 2), crew=crew(2, port=port), crew_key="k")
    ended = threading.Event()

    def harm() -> None:
        while not ended.is_set():  # until somebody listens
            try:
                stranger = Stranger(port)
                for act in HARM.values():
                    act(stranger)
                stranger.close()
            except OSError:
                stranger.close()
            ended.wait(0.1)

    harming = threading.Thread(target=harm)
    harming.start()
    try:
        bundle = carry_out(plan)
    finally:
        ended.set()
        harming.join()
    document = bundle.read_run()
    assert document.arrivals.completed == document.arrivals.planned == 120
    assert asked(bundle) == dict(api.requests)
    assert document.generator.workers == 2
    assert (document.generator.reasons, document.exceptions) == ((), {})
    check_log_agrees(bundle)


def test_more_workers_than_the_profile_has_users_are_refused(api, tmp_path):
    plan = plan_of(tmp_path, api.url, SOMEONE, steady(20, 2, users=2), crew=crew(3))
    with pytest.raises(EngineError, match="3 workers have no use of a profile with users: 2"):
        carry_out(plan)


@given(st.integers())
def test_an_inbox_remembers_no_number_that_nobody_has_reached(number):
    inbox = Inbox()
    inbox.accept(0)
    if 0 <= number <= Inbox.AHEAD:
        inbox.accept(number)
    else:
        with pytest.raises(ValueError, match="a report of number"):
            inbox.accept(number)
    assert len(inbox._early) <= 1


def test_a_master_that_stood_still_gives_nobody_up_for_it(api, tmp_path):
    """It is halted for longer than the silence after which a worker is given up."""
    halted = threading.Event()

    def halt(tick) -> None:
        if tick.second >= 1 and not halted.is_set():
            halted.set()
            engine = next(
                child for child in psutil.Process().children() if "tailgate_loadtest.engine" in child.cmdline()
            )
            engine.suspend()
            threading.Timer(6, engine.resume).start()

    plan = plan_of(tmp_path, api.url, SOMEONE, steady(30, 9), crew=crew(2))
    document = carry_out(plan, on_tick=halt).read_run()
    assert halted.is_set()
    assert document.arrivals.lost == 0
    assert document.arrivals.completed == 270
