"""Personas that hold a WebSocket or an event stream, in a run of the real engine against a real server of each."""

import json
import threading
import time
from collections.abc import Iterator

import pytest
import websockets.exceptions
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import RouteRecord
from tailgate_loadtest.run.engine import EngineProcess
from tailgate_loadtest.shapes.orders import Orders, Swarm
from websockets.sync.server import ServerConnection, serve

from tests.loadtest.conftest import carry_out, plan_of, steady
from tests.server import Request, Response, Server, Wire

LATE = 0.15
"""Seconds between the moment that a pushed message bears and its being sent."""


def speak(connection: ServerConnection) -> None:
    """Answers a question after 50 ms, and a while later pushes a message that was due at once."""
    try:
        for message in connection:
            if message == "break":
                connection.close(1011)
            elif message != "silence":
                time.sleep(0.05)  # the server's slowness is the point
                connection.send(json.dumps({"answer": message}))
                connection.send(late())
    except websockets.exceptions.ConnectionClosed:
        return


def late() -> str:
    """A message, when it is late."""
    message = json.dumps({"at": time.time()})
    time.sleep(LATE)  # the server's slowness is the point
    return message


@pytest.fixture
def live() -> Iterator[str]:
    with serve(speak, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def inbox() -> Iterator[str]:
    """Sends three events when they are late, and holds the stream open."""

    def stream(status: str) -> Wire:
        yield f"HTTP/1.1 {status}\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n".encode()
        yield f"id: 1\ndata: {late()}\n\n".encode() * 3
        server.over.wait()

    def answer(request: Request) -> Response | Wire:
        if request.path == "/seen":
            return Response(status=204)
        return stream("403 Forbidden" if request.path == "/closed/stream" else "200 OK")

    with Server(answer) as server:
        yield server.url


def routes(bundle: Bundle) -> dict[str, RouteRecord]:
    return {record.route: record for record in bundle.read_run().routes}


PERSONAS = """
    from tailgate_loadtest.engine.http import LoadUser
    from tailgate_loadtest.engine.thinking import think
    from locust import task

    def sent_at(message):
        return message.json().get("at")

    class Talker(LoadUser):
        @task
        def talk(self):
            with self.client.websocket("/rooms/17/live", sent_at=sent_at) as live:
                live.exchange("hello", answer=lambda message: "answer" in message.data)
                live.receive(timeout=5)
                think(self, 0.1)
                live.exchange("again", name="/again", answer=lambda message: "answer" in message.data)

    class Reader(LoadUser):
        host = "@INBOX@"

        @task
        def read(self):
            with self.client.events("@INBOX@/inbox/stream", sent_at=sent_at) as events:
                seen = sum(1 for event in events.listen(0.6))
            self.client.get("@INBOX@/seen", name=f"/seen/{seen}")
"""


def test_what_comes_over_streams_is_in_the_log_with_its_routes_counts_and_times(live, inbox, tmp_path):
    bundle = carry_out(plan_of(tmp_path, live, PERSONAS.replace("@INBOX@", inbox), steady(20, 2)))
    document, found = bundle.read_run(), routes(bundle)
    assert document.arrivals.completed == document.arrivals.planned == 40
    talks, reads = found["WS /rooms/{id}/live connect"].requests, found["SSE /inbox/stream connect"].requests
    assert talks + reads == 40
    counts = {name: (record.requests, record.failed, record.censored) for name, record in found.items()}
    assert counts == {
        "WS /rooms/{id}/live connect": (talks, 0, 0),
        "WS /rooms/{id}/live exchange": (talks, 0, 0),
        "WS /rooms/{id}/live close": (talks, 0, 0),
        "WS /again": (talks, 0, 0),
        "WS /rooms/{id}/live delivery": (found["WS /rooms/{id}/live delivery"].requests, 0, 0),
        "SSE /inbox/stream connect": (reads, 0, 0),
        "SSE /inbox/stream delivery": (3 * reads, 0, 0),
        "SSE /inbox/stream close": (reads, 0, 0),
        "GET /seen/3": (reads, 0, 0),
    }
    assert talks <= found["WS /rooms/{id}/live delivery"].requests <= 2 * talks
    log = bundle.read_log()
    for name in ("WS /rooms/{id}/live exchange", "WS /again"):
        assert log.whole(name, Kind.RESPONSE).quantile(0) >= 0.05
        assert found[name].service.p50 < 0.05 + LATE
    for name in ("WS /rooms/{id}/live delivery", "SSE /inbox/stream delivery"):
        assert log.whole(name, Kind.RESPONSE).quantile(0) >= LATE * 0.999
    for name, record in found.items():
        assert log.whole(name, Kind.RESPONSE).total == record.requests - record.failed


def test_a_break_a_refusal_and_silence_are_failures_and_the_user_goes_on(live, inbox, tmp_path):
    bundle = carry_out(
        plan_of(
            tmp_path,
            live,
            f"""
            from tailgate_loadtest.engine.http import LoadUser
            from tailgate_loadtest.engine.http.errors import StreamFailed
            from locust import task

            class Someone(LoadUser):
                @task
                def broken(self):
                    with self.client.websocket("/live") as live:
                        live.exchange("break")
                        raise AssertionError("not reached")

                @task
                def refused(self):
                    with self.client.events("{inbox}/closed/stream", name="/closed"):
                        raise AssertionError("not reached")

                @task
                def silent(self):
                    with self.client.websocket("/live", name="/quiet") as live:
                        try:
                            live.exchange("silence", timeout=0.05)
                        except StreamFailed:
                            live.exchange("hello")
            """,
            steady(30, 2),
        )
    )
    document, found = bundle.read_run(), routes(bundle)
    assert (document.arrivals.completed, document.exceptions) == (60, {})
    assert found["WS /live connect"].failed == 0
    for name, error in {
        "WS /live exchange": "ServerClosed 1011",
        "WS /live close": "ServerClosed 1011",
        "SSE /closed connect": "HandshakeRefused 403",
    }.items():
        assert found[name].errors == {error: found[name].requests}
    quiet = found["WS /quiet connect"].requests
    assert found["WS /quiet exchange"].errors == {"TimedOut": quiet}
    assert found["WS /quiet exchange"].requests == 2 * quiet
    assert found["WS /quiet close"].failed == 0


def test_what_is_waited_for_when_the_load_ends_is_censored_and_what_is_listened_to_is_not(live, tmp_path):
    bundle = carry_out(
        plan_of(
            tmp_path,
            live,
            """
            from tailgate_loadtest.engine.http import LoadUser
            from locust import task

            class Waiter(LoadUser):
                @task
                def wait_for_it(self):
                    with self.client.websocket("/waiting") as live:
                        live.receive(timeout=60)

            class Listener(LoadUser):
                @task
                def listen(self):
                    with self.client.websocket("/listening") as live:
                        for message in live.listen(60):
                            pass
            """,
            steady(10),
        )
    )
    found = routes(bundle)
    waiting = found["WS /waiting connect"].requests
    assert (found["WS /waiting wait"].requests, found["WS /waiting wait"].censored) == (waiting, waiting)
    assert {name for name in found if "listening" in name} == {"WS /listening connect"}
    assert bundle.read_run().arrivals.unfinished == waiting


def test_a_stream_held_across_arrivals_is_counted_all_the_while(live, tmp_path):
    """Opened by ``on_start``, it is set-up; what comes over it later is not."""
    bundle = carry_out(
        plan_of(
            tmp_path,
            live,
            """
            from tailgate_loadtest.engine.http import LoadUser
            from locust import task

            class Holder(LoadUser):
                def on_start(self):
                    self.live = self.client.websocket("/live", sent_at=lambda message: message.json().get("at")).open()

                @task
                def ask(self):
                    self.live.exchange("hello", answer=lambda message: "answer" in message.data)

                def on_stop(self):
                    self.live.close()
            """,
            Swarm(users=2, spawn_rate=2, run_time=2),
        )
    )
    found = routes(bundle)
    assert (found["WS /live connect"].requests, found["WS /live connect"].setup) == (0, 2)
    assert found["WS /live exchange"].requests > 4
    assert found["WS /live delivery"].requests == pytest.approx(found["WS /live exchange"].requests, abs=2)
    assert found["WS /live close"].setup == 2


def test_a_rehearsal_opens_no_stream_and_knows_nothing_of_what_would_come(tmp_path):
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text(
        """
from tailgate_loadtest.engine.http import LoadUser
from locust import task

class Listens(LoadUser):
    @task
    def hold(self):
        with self.client.websocket("/live", params={"a": 1}) as live:
            live.send("hello")
            for message in live.listen(60):
                self.client.get("/seen")
        with self.client.events("/inbox?of=7", name="/inbox"):
            self.client.get("/read")

class Waits(LoadUser):
    @task
    def hold(self):
        with self.client.websocket("/live") as live:
            live.receive()
"""
    )
    orders = Orders(
        locustfile=str(locustfile), host="http://127.0.0.1:1", load=steady(), seed=1, drain=0, log="", result="",
        rehearse=True,
    )  # fmt: skip
    with EngineProcess(orders) as engine:
        found = engine.rehearsal()
    assert found["Listens"]["requests"] == {
        **dict.fromkeys(("WS /live connect", "WS /live close", "SSE /inbox connect", "SSE /inbox close"), 1),
        "GET /read": 1,
    }
    assert found["Waits"]["requests"] is None
