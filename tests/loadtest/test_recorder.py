"""The recorder: counts by second and route, what is excluded, what is too much."""

from dataclasses import dataclass

import pytest
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.measure.recorder import MAX_ROUTES, Recorder
from tailgate_loadtest.measure.server_timing import ServerTiming
from tailgate_loadtest.measure.slowest import SLOWEST

TRACE = "0af7651916cd43dd8448eb211c80319c"


@dataclass
class Opening:
    """What opening a connection took."""

    resolve: float
    connect: float
    secure: float


@dataclass
class Answer:
    """What a client that times its steps says."""

    wait: float = 0.06
    receive: float = 0.03
    opening: Opening | None = None
    server_timing: ServerTiming | None = None


@pytest.fixture
def recorder():
    return Recorder(warmup=5.0)


def test_requests_due_in_the_warm_up_are_numbered_and_never_counted(recorder):
    recorder.success("Ada", "GET /a", 4.999, 0.1, 0.1)
    recorder.failure("Ada", "GET /a", 0.0, 0.1, "HTTP 500")
    recorder.censored("Ada", "GET /a", 4.0, 60)
    recorder.success("Ada", "GET /a", 5.0, 0.1, 0.1)
    delta = recorder.take()
    assert delta.warmup_requests == 3
    assert delta.counts.keys() == {(5, "GET /a", Kind.RESPONSE), (5, "GET /a", Kind.SERVICE)}
    assert not delta.errors
    # For a look at the load, and for what an arrival asks for, the warm-up is as good as any time.
    assert delta.recent.total == 3
    assert delta.asked == {"Ada": {"GET /a": 4}}


def test_every_kind_is_counted_where_it_belongs(recorder):
    recorder.success("Ada", "GET /a", 6.2, 0.3, 0.1)
    recorder.failure("Ada", "GET /a", 6.4, 0.2, "HTTP 500")
    recorder.censored("Bob", "GET /a", 7.0, 9.0)
    recorder.setup("POST /login", 1.0, 0.05, "HTTP 401")
    recorder.setup("POST /login", -3.0, 0.05, None)
    recorder.begun("Ada")
    recorder.unstarted("Bob", 8.0)
    recorder.raised("KeyError")
    delta = recorder.take()
    counts = delta.counts
    assert counts[6, "GET /a", Kind.RESPONSE].quantile(0.5) == pytest.approx(0.3, rel=1e-3)
    assert counts[6, "GET /a", Kind.SERVICE].quantile(0.5) == pytest.approx(0.1, rel=1e-3)
    assert counts[6, "GET /a", Kind.FAILED].quantile(0.5) == pytest.approx(0.2, rel=1e-3)
    assert counts[7, "GET /a", Kind.CENSORED].quantile(0.5) == pytest.approx(9, rel=1e-3)
    assert {key[0] for key in counts if key[2] is Kind.SETUP} == {0, 1}
    assert delta.errors == {"GET /a": {"HTTP 500": 1}, "POST /login": {"setup: HTTP 401": 1}}
    assert delta.asked == {"Ada": {"GET /a": 2}, "Bob": {"GET /a": 1}}
    assert (delta.begun, delta.unstarted, delta.exceptions) == ({"Ada": 1}, {"Bob": [8.0]}, {"KeyError": 1})


def test_what_was_taken_is_not_counted_again(recorder):
    recorder.success("Ada", "GET /a", 10.5, 0.1, 0.1)
    assert recorder.take().counts
    later = recorder.take()
    assert not later.counts
    assert not later.recent.counts
    recorder.success("Ada", "GET /a", 10.9, 8.0, 8.0)
    assert recorder.take().counts.keys() == {(10, "GET /a", Kind.RESPONSE), (10, "GET /a", Kind.SERVICE)}


def test_routes_past_the_bound_fall_into_one_and_three_are_named(recorder):
    for n in range(MAX_ROUTES + 50):
        recorder.success("Ada", f"GET /{n:03}", 6.0, 0.01 + n / 1e5, 0.01)
    recorder.success("Ada", "GET /000", 6.0, 0.01, 0.01)
    delta = recorder.take()
    assert len({route for _, route, _ in delta.counts}) == MAX_ROUTES + 1
    assert delta.counts[6, "(other)", Kind.RESPONSE].total == 50
    assert delta.counts[6, "GET /000", Kind.RESPONSE].total == 2
    assert delta.folded == ["GET /200", "GET /201", "GET /202"]
    assert {slow.route for slow in delta.slowest.sorted()} == {"(other)"}


def test_only_judged_requests_of_a_client_that_times_its_steps_are_split(recorder):
    said = ServerTiming(TRACE, 2, 0.02, 0.01, 0.005)
    recorder.success("Ada", "GET /plain", 6.0, 0.1, 0.1)
    recorder.success("Ada", "GET /a", 4.0, 0.1, 0.1, 0.0, Answer())
    recorder.success("Ada", "GET /a", 6.0, 0.4, 0.1, 0.25, Answer(opening=Opening(0.001, 0.002, 0.003)))
    recorder.success("Bob", "GET /a", 7.0, 0.1, 0.1, 0.0, Answer(server_timing=said))
    recorder.failure("Bob", "GET /a", 7.0, 0.1, "HTTP 500", Answer(server_timing=said))
    splits = recorder.take().splits
    assert splits.keys() == {"GET /a"}
    around = splits["GET /a"].around(0.5)
    assert (around.requests, around.told) == (2, 1)
    halves = {name: round(2e3 * seconds, 3) for name, seconds in around.parts.items()}
    assert halves == {
        "lag": 50.0, "user": 250.0, "connection": 6.0, "wait": 60.0, "receive": 30.0,
        "network": 55.0, "pool": 10.0, "database": 20.0, "application": 5.0, "other": 14.0,
    }  # fmt: skip


def test_the_slowest_judged_requests_are_named_with_how_they_failed_and_their_trace(recorder):
    said = ServerTiming(TRACE, None, None, None, None)
    recorder.success("Ada", "GET /early", 1.0, 60.0, 60.0)
    recorder.success("Ada", "GET /a", 6.0, 2.0, 0.1, 0.0, Answer(server_timing=said))
    recorder.failure("Ada", "GET /b", 7.0, 3.0, "HTTP 500", Answer(server_timing=said))
    recorder.failure("Ada", "GET /b", 8.0, 4.0, "TimedOut")
    assert recorder.take().slowest.sorted() == [
        (4.0, 8.0, "GET /b", "TimedOut", ""),
        (3.0, 7.0, "GET /b", "HTTP 500", TRACE),
        (2.0, 6.0, "GET /a", "", TRACE),
    ]


def test_later_deltas_name_only_what_may_still_be_among_the_slowest(recorder):
    for n in range(SLOWEST):
        recorder.success("Ada", "GET /a", 6.0, 1.0 + n, 1.0)
    assert len(recorder.take().slowest.sorted()) == SLOWEST
    recorder.success("Ada", "GET /a", 7.0, 0.5, 0.5)
    recorder.success("Ada", "GET /a", 7.0, 1.5, 1.5)
    assert [slow.response for slow in recorder.take().slowest.sorted()] == [1.5]
