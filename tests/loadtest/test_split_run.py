"""Runs of the real engine: where each request's time went, and whose it was."""

import itertools
import time
from collections.abc import Iterator

import pytest
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.measure.split import PARTS
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import Parts, RouteRecord
from tailgate_loadtest.shapes.orders import Crew

from tests.loadtest.conftest import carry_out, plan_of, steady
from tests.server import Request, Response, Server

TRACE = "{:032x}"


@pytest.fixture
def telling() -> Iterator[Server]:
    """Answers after 50 ms, 30 of them in its database by its own account, and with a number for every request."""
    numbers = itertools.count(1)

    def answer(request: Request) -> Response:
        trace = TRACE.format(next(numbers))
        time.sleep(0.05)
        said = f'trace;desc="{trace}", queries;desc="2", db;dur=30.000, pool;dur=10.000, app;dur=5.000'
        return Response(status=500 if request.path == "/error" else 200, headers={"Server-Timing": said})

    with Server(answer) as server:
        yield server


def route(bundle: Bundle, name: str) -> RouteRecord:
    return next(record for record in bundle.read_run().routes if record.route == name)


def p95(bundle: Bundle, name: str) -> Parts:
    split = route(bundle, name).split
    assert split is not None
    return split.p95


def largest(parts: Parts) -> str:
    return max(PARTS, key=lambda part: getattr(parts, part))


VISITOR = """
    import gevent
    from gevent.monkey import get_original
    from locust import FastHttpUser, User, task
    from tailgate_loadtest.engine.http import LoadUser
    from tailgate_loadtest.engine.thinking import think

    class Visitor(LoadUser):
        @task
        def look(self):
"""


def test_a_server_that_tells_nothing_is_waited_for(run):
    bundle = run(VISITOR + '            self.client.get("/slow")\n')
    found = p95(bundle, "GET /slow")
    assert largest(found) == "wait"
    assert (found.told, found.network, found.pool, found.database, found.application) == (0, 0, 0, 0, 0)
    slowest = bundle.read_run().slowest
    assert len(slowest) == 40  # as many as there were arrivals
    assert all((slow.route, slow.error, slow.trace_id) == ("GET /slow", None, None) for slow in slowest)
    assert [slow.response for slow in slowest] == sorted((slow.response for slow in slowest), reverse=True)


def test_a_server_that_tells_of_its_time_is_taken_at_its_word(telling, tmp_path):
    text = (
        VISITOR
        + """\
            self.client.get("/told")
            with self.client.get("/caught", catch_response=True) as answer:
                answer.success()
            self.client.get("/error")
    """
    )
    bundle = carry_out(plan_of(tmp_path, telling.url, text))
    for name in ("GET /told", "GET /caught"):
        found = p95(bundle, name)
        assert found.told == found.requests
        assert (found.wait, found.receive) == (0, 0)
        assert found.database == pytest.approx(0.03)
        assert found.pool == pytest.approx(0.01)
        assert found.application == pytest.approx(0.005)
        assert found.network > 0
    assert route(bundle, "GET /error").split is None  # of what failed there is no percentile
    slowest = bundle.read_run().slowest
    assert {slow.error for slow in slowest if slow.route == "GET /error"} == {"HTTP 500"}
    traces = [slow.trace_id for slow in slowest]
    assert len(set(traces)) == len(traces) == 50
    assert set(traces) <= {TRACE.format(n + 1) for n in range(len(telling.asked))}


def test_what_several_processes_saw_is_one_split(run):
    crew = Crew(processes=2, expect=2, host="127.0.0.1", port=0, patience=60)
    bundle = run(VISITOR + '            self.client.get("/slow")\n', steady(seconds=2), crew=crew)
    assert p95(bundle, "GET /slow").wait > 0.19
    slowest = bundle.read_run().slowest
    assert len(slowest) == 50
    times = bundle.read_log().whole("GET /slow", Kind.RESPONSE)
    assert slowest[0].response == pytest.approx(times.maximum(), rel=2e-3)
    assert slowest[-1].response == pytest.approx(times.at_rank(31), rel=2e-3)  # of 80


def test_other_clients_requests_are_not_split_but_may_be_the_slowest(run):
    bundle = run(VISITOR.replace("(LoadUser)", "(FastHttpUser)") + '            self.client.get("/slow")\n')
    assert route(bundle, "GET /slow").split is None
    assert len(bundle.read_run().slowest) == 40


def test_a_full_pool_is_no_lateness_of_the_generator(run):
    text = (
        VISITOR
        + """\
            self.client.get("/slow")
            think(self, 0.01)
            self.client.get("/fast")
    """
    )
    bundle = run(text, steady(users=2))
    found = p95(bundle, "GET /slow")
    assert largest(found) == "user"
    assert found.user > 0.5  # 40 arrivals of 0.2 s in one second, two at once, and as far as the drain lets them come
    assert found.lag < found.user / 4
    assert p95(bundle, "GET /fast").user == 0  # only the arrival waited, not what follows


def test_waiting_for_a_users_log_in_is_no_lateness_of_the_generator(run):
    text = (
        VISITOR
        + """\
            self.client.get("/fast")
            gevent.sleep(1)

        def on_start(self):
            gevent.sleep(0.5)
    """
    )
    # Five users are started ahead, and from the sixth arrival on each waits for one of its own.
    found = p95(run(text, steady(rate=20)), "GET /fast")
    assert largest(found) == "user"
    assert found.lag < found.user


def test_a_late_generator_is_named_as_such(run):
    text = (
        VISITOR
        + """\
            self.client.get("/fast")

    class Thinker(User):
        weight = 0.1

        @task
        def think(self):
            get_original("time", "sleep")(0.2)  # nothing else runs meanwhile
    """
    )
    found = p95(run(text, steady(rate=40, seconds=2)), "GET /fast")
    assert largest(found) == "lag"
    assert found.user < found.lag


def test_the_warm_up_is_in_no_split_and_among_no_slowest(run):
    text = VISITOR + '            self.client.get("/fast")\n'
    bundle = run(text, steady(seconds=1, warmup=1.0))
    record = route(bundle, "GET /fast")
    slowest = bundle.read_run().slowest
    assert len(slowest) == record.requests == 40
    assert all(slow.due >= 1.0 for slow in slowest)
