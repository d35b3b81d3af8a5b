"""The serial probe by the real engine: the same requests every time, one after another, and of each what came back."""

import gzip
import json
import os
import signal
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tailgate_loadtest.errors import EngineError, TargetUnreachableError
from tailgate_loadtest.measure.probe import PHASES, Answered, Probe
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.probe import probe
from tailgate_loadtest.shapes.orders import Orders, Probing, Swarm
from tailgate_loadtest.shapes.profile import Profile
from tailgate_otel import names

from tests.loadtest.conftest import steady
from tests.server import Request, Response, Server


class Shop(Server):
    """Answers in JSON, by gzip from 100 bytes on, and tells its queries to who knows the secret."""

    def __init__(self, reply: Callable[[str], tuple[int, Any]] = lambda path: (200, {"path": path})) -> None:
        super().__init__(self._answer)
        self.reply = reply
        """Status and document for a path with its query."""
        self.at_once = 0
        """Most requests that were answered at one time."""
        self._inside = 0
        self._lock = threading.Lock()

    @property
    def paths(self) -> list[str]:
        """With their queries, in the order in which they came."""
        return [request.target for request in self.asked]

    @property
    def secrets(self) -> set[str | None]:
        return {request.headers.get(names.HEADER_RUN_SECRET) for request in self.asked}

    def _answer(self, request: Request) -> Response:
        with self._lock:
            self._inside += 1
            self.at_once = max(self.at_once, self._inside)
        status, document = self.reply(request.target)
        body, headers = json.dumps(document).encode(), {}
        if len(body) > 100:
            body = gzip.compress(body, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if request.headers.get(names.HEADER_RUN_SECRET) == "s3cret":
            headers["Server-Timing"] = 'queries;desc="2", trips;desc="3", db;dur=1.5'
        with self._lock:
            self._inside -= 1
        return Response(body, status, headers)


@pytest.fixture
def shop() -> Iterator[Shop]:
    """One."""
    with Shop() as shop:
        yield shop


Ask = Callable[..., Probe]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Probes a shop by a locustfile's text."""

    def ask(shop: Shop, text: str, requests: int = 20, load: Profile | Swarm | None = None, **more: Any) -> Probe:
        locustfile = tmp_path / "locustfile.py"
        locustfile.write_text(textwrap.dedent(text), encoding="utf-8")
        orders = Orders(
            locustfile=str(locustfile), host=shop.url, load=load or steady(), seed=3, drain=1, log="", result=""
        )
        with Interruption() as interruption:
            asked = Probing(requests=requests)
            return probe(replace(orders, **more), tmp_path / "probe" / "side.jsonl", interruption, asked)

    return ask


def routes(found: Probe, phase: str) -> Counter[str]:
    return Counter(answer.route for answer in found.answers if answer.phase == phase)


def places(found: Probe, phase: str) -> list[tuple[int, str]]:
    return [(answer.iteration, answer.route) for answer in found.answers if answer.phase == phase]


CHOOSY = """
    import random
    from locust import task
    from tailgate_loadtest.engine.http import LoadUser

    class Ada(LoadUser):
        weight = 3

        def on_start(self):
            self.client.get("/login")

        @task(3)
        def look(self):
            for _ in range(random.randint(1, 3)):
                found = self.client.get("/look", params={"n": random.randrange(1000)}).json()
                if found.get("more"):
                    random.random()
                    self.client.get("/more")

        @task
        def rare(self):
            self.client.get(f"/rare/{random.randrange(1000)}")

    class Bob(LoadUser):
        @task
        def save(self):
            self.client.post("/save", json={"n": random.randrange(1000)})
"""


def test_two_sides_are_asked_the_same_and_so_are_both_phases(ask):
    with ExitStack() as open_:
        shops = [open_.enter_context(Shop()) for _ in range(2)]
        found = [ask(shop, CHOOSY, 40) for shop in shops]
        assert shops[0].paths == shops[1].paths
        half = len(shops[0].paths) // 2
        assert shops[0].paths[:half] == shops[0].paths[half:]
        assert found[0] == found[1]
    assert places(found[0], "cold") == places(found[0], "warm")
    assert 40 <= routes(found[0], "cold").total() <= 42
    assert found[0].account.cut_short is None


def test_another_seed_asks_otherwise(ask, shop):
    ask(shop, CHOOSY)
    before = shop.paths
    shop.asked.clear()
    ask(shop, CHOOSY, seed=4)
    assert shop.paths != before


def test_what_a_user_does_to_start_is_not_counted(ask, shop):
    found = ask(shop, CHOOSY)
    assert shop.paths.count("/login") == 2
    assert "GET /login" not in routes(found, "cold")


def test_the_rarest_task_of_the_rarest_persona_has_its_turn(ask, shop):
    text = """
    from locust import task
    from tailgate_loadtest.engine.http import LoadUser

    class Ada(LoadUser):
        weight = 24

        @task
        def look(self):
            self.client.get("/look")

    class Bob(LoadUser):
        @task(5)
        def usual(self):
            self.client.get("/usual")

        @task
        def rare(self):
            self.client.get("/rare")
    """
    assert [ask(shop, text, 200, seed=seed).answers != () for seed in range(3)] == [True] * 3
    counted = Counter(shop.paths)
    assert counted["/rare"] >= 3 * 2
    assert counted["/usual"] >= 5 * 3 * 2


def test_one_different_answer_shifts_nothing_but_its_own_iteration(ask):
    text = """
    import random
    from locust import task
    from tailgate_loadtest.engine.http import LoadUser

    class Ada(LoadUser):
        @task
        def look(self):
            for _ in range(random.randint(1, 3)):
                n = random.randrange(1000)
                if self.client.get(f"/{n}", name=f"/look{n}").json()["more"]:
                    self.client.get(f"/{random.random()}", name="/more")
    """
    with (
        Shop(lambda _: (200, {"more": False})) as base,
        Shop(lambda path: (200, {"more": path.endswith("7")})) as candidate,
    ):
        one, other = (ask(shop, text, 60).requests("cold") for shop in (base, candidate))
    shifted = [n for n in one.keys() & other.keys() if "GET /more" in {each.route for each in other[n]}]
    assert 0 < len(shifted) < len(other)
    for n in (one.keys() & other.keys()) - set(shifted):
        assert [each.route for each in one[n]] == [each.route for each in other[n]]


def test_requests_that_a_user_sends_at_once_go_one_after_another_and_always_in_the_same_order(ask, shop):
    text = """
    import gevent
    from locust import HttpUser, task
    from tailgate_loadtest.engine.http import LoadUser

    class Ada(LoadUser):
        @task
        def all(self):
            gevent.joinall([gevent.spawn(self.client.get, f"/{n}") for n in "abcdef"], raise_error=True)

    class Old(HttpUser):
        @task
        def all(self):
            gevent.joinall([gevent.spawn(self.client.get, f"/old/{n}") for n in "abcdef"], raise_error=True)
    """
    found = ask(shop, text, 36)
    assert shop.at_once == 1
    for answers in found.requests("warm").values():
        assert [answer.route[-1] for answer in answers] == list("abcdef")


def test_nobody_thinks(ask, shop):
    """Asked as often as its users think, it would take an hour."""
    text = """
    import random
    import time
    from time import sleep
    import gevent
    from locust import between, constant, task
    from tailgate_loadtest.engine.http import LoadUser
    from tailgate_loadtest.engine.thinking import think

    class Ada(LoadUser):
        wait_time = constant(30)

        @task
        def look(self):
            self.client.get("/a")
            think(self, 30)
            time.sleep(30)
            sleep(seconds := 30)
            gevent.sleep(30)
            self.wait()
            self.client.get("/b")
    """
    assert routes(ask(shop, text), "cold") == {"GET /a": 10, "GET /b": 10}


@pytest.mark.parametrize("client", ["tailgate_loadtest.engine.http.LoadUser", "locust.HttpUser", "locust.FastHttpUser"])
def test_whatever_client_asks_of_each_answer_the_same_is_known(ask, client):
    module, _, name = client.rpartition(".")
    text = f"""
    from locust import task
    from {module} import {name}

    class Ada({name}):
        @task
        def look(self):
            self.client.get("/large/17")
            self.client.get("/small", name="/little")
            with self.client.get("/missing", catch_response=True) as answer:
                answer.success()
            with self.client.get("/small", name="/wrong", catch_response=True) as answer:
                answer.failure("not this")
    """

    def answer(path: str) -> tuple[int, Any]:
        return 404 if path == "/missing" else 200, ["x" * 500] if "large" in path else []

    with Shop(answer) as shop:
        found = ask(shop, text, 4, run_secret="s3cret")
        assert shop.secrets == {"s3cret"}
    told = {"phase": "cold", "iteration": 0, "persona": "Ada", "queries": 2, "round_trips": 3}
    wire = len(gzip.compress(json.dumps(["x" * 500]).encode(), mtime=0))
    assert found.answers[:4] == (
        Answered(**told, route="GET /large/{id}", status=200, wire=wire, body=504, encoding="gzip"),
        Answered(**told, route="GET /little", status=200, wire=2, body=2),
        Answered(**told, route="GET /missing", status=404, wire=2, body=2),
        Answered(**told, route="GET /wrong", status=200, wire=2, body=2, error="marked as failed by the locustfile"),
    )


def test_a_service_that_tells_nothing_leaves_its_queries_unknown(ask, shop):
    found = ask(shop, CHOOSY)
    assert {(answer.queries, answer.round_trips) for answer in found.answers} == {(None, None)}
    assert shop.secrets == {None}


def test_paths_are_called_by_their_templates(ask, shop):
    found = ask(shop, CHOOSY, routes=("GET /rare/{thing}",))
    assert "GET /rare/{thing}" in routes(found, "cold")


def test_a_task_that_raises_breaks_its_iteration_off_and_the_next_goes_on(ask, shop):
    text = """
    from locust import task
    from tailgate_loadtest.engine.http import LoadUser

    class Ada(LoadUser):
        @task
        def look(self):
            self.client.get("/a")
            if {}["missing"]:
                self.client.get("/b")
    """
    found = ask(shop, text, 3)
    assert routes(found, "warm") == {"GET /a": 3}
    assert [(each.phase, each.iteration, each.broken_off) for each in found.broken] == [
        (phase, iteration, "KeyError") for phase in PHASES for iteration in range(3)
    ]


def test_a_user_that_cannot_start_or_stops_itself_has_another_one_come(ask, shop):
    text = """
    from locust import task
    from locust.exception import StopUser
    from tailgate_loadtest.engine.http import LoadUser

    class Ada(LoadUser):
        def on_start(self):
            if self.client.get("/login").json()["refused"]:
                raise PermissionError

        @task
        def look(self):
            self.client.get("/a")
            raise StopUser
    """
    logins = iter([True, False] * 20)
    shop.reply = lambda path: (200, {"refused": path == "/login" and next(logins)})
    found = ask(shop, text, 3)
    assert routes(found, "cold") == {"GET /a": 3}
    assert [(each.iteration, each.broken_off) for each in found.broken if each.phase == "cold"] == [
        (iteration, "its user could not start") for iteration in (0, 2, 4)
    ]


def test_tasks_with_an_order_of_their_own_keep_it(ask, shop):
    text = """
    from locust import SequentialTaskSet, TaskSet, task
    from tailgate_loadtest.engine.http import LoadUser

    class Ada(LoadUser):
        @task
        class Buy(SequentialTaskSet):
            @task
            def first(self):
                self.client.get("/first")

            @task
            def second(self):
                self.client.get("/second")

            @task
            def third(self):
                self.client.get("/third")
                self.interrupt()
    """
    ask(shop, text, 6)
    assert shop.paths == ["/first", "/second", "/third"] * 4


def test_a_stream_is_opened_and_what_comes_over_it_is_not_waited_for(ask, shop):
    text = """
    from locust import task
    from tailgate_loadtest.engine.http import LoadUser
    from tailgate_loadtest.engine.http.errors import StreamFailed

    class Ada(LoadUser):
        @task
        def follow(self):
            self.client.get("/ticket")
            try:
                with self.client.events("/news") as news:
                    for _ in news.listen(60):
                        self.client.get("/never")
            except StreamFailed:
                self.client.get("/refused")
    """
    found = ask(shop, text, 6)
    assert [(each.route, each.status, each.error) for each in found.requests("cold")[0]] == [
        ("GET /ticket", 200, None),
        ("SSE /news connect", None, "HandshakeRefused 200"),
        ("GET /refused", 200, None),
    ]


def test_rows_that_may_be_dealt_once_are_dealt_to_both_phases(ask, shop, tmp_path):
    tmp_path.joinpath("users.csv").write_text("name\nada\nbob\n")
    text = """
    from locust import task
    from tailgate_loadtest.engine.feeding import feed
    from tailgate_loadtest.engine.http import LoadUser

    rows = feed("users.csv")

    class Ada(LoadUser):
        @task
        def look(self):
            self.client.get(f"/{rows.next()['name']}")
    """
    found = ask(shop, text, 4)
    assert found.broken == ()
    assert Counter(shop.paths) == {"/ada": 4, "/bob": 4}


def test_a_mix_and_a_closed_load_say_who_comes_how_often(ask, shop):
    found = ask(shop, CHOOSY, 40, steady(mix={"Ada": 1, "Bob": 1}))
    personas = Counter(answers[0].persona for answers in found.requests("cold").values())
    assert abs(personas["Ada"] - personas["Bob"]) <= 1
    found = ask(shop, CHOOSY, 40, Swarm(users=5, spawn_rate=1, run_time=60))
    personas = Counter(answers[0].persona for answers in found.requests("cold").values())
    assert personas["Ada"] > 2 * personas["Bob"] > 0


def test_who_requests_nothing_is_not_asked_for_ever(ask, shop):
    text = """
    from locust import task
    from tailgate_loadtest.engine.http import LoadUser

    class Ada(LoadUser):
        @task
        def rest(self):
            pass
    """
    found = ask(shop, text)
    assert found.answers == ()
    assert found.account.cut_short == "50 iterations in a row requested nothing"


@pytest.mark.parametrize("hangs", [False, True])
def test_an_interrupted_probe_says_so(ask, shop, hangs):
    over = threading.Event()

    def answer(_: str) -> tuple[int, Any]:
        if len(shop.asked) == 100:
            os.kill(os.getpid(), signal.SIGINT)
            over.wait(20 if hangs else 0)
        return 200, {}

    shop.reply = answer
    try:
        found = ask(shop, CHOOSY, 100_000)
    finally:
        over.set()
    assert found.account.cut_short == "it was told to stop"
    assert 90 < len(found.answers) < 100_000
    assert {each.broken_off for each in found.broken} <= {"it was told to stop"}


def test_a_locustfile_that_cannot_be_run_says_why(ask, shop):
    with pytest.raises(EngineError, match="no_such_module"):
        ask(shop, "import no_such_module")
    with pytest.raises(EngineError, match="no user class is called 'Cleo'"):
        ask(shop, CHOOSY, 5, steady(mix={"Cleo": 1}))


def test_an_engine_that_dies_is_no_probe(ask, shop):
    text = """
    import os
    from locust import task
    from tailgate_loadtest.engine.http import LoadUser

    class Ada(LoadUser):
        @task
        def look(self):
            self.client.get("/a")
            os._exit(9)
    """
    with pytest.raises(EngineError, match="did not come to its end: the engine died"):
        ask(shop, text)


def test_nobody_at_home_is_said_before_anything_is_started(ask, shop):
    with pytest.raises(TargetUnreachableError, match="nothing answers"):
        ask(shop, CHOOSY, host="http://127.0.0.1:9")
