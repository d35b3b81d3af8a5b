"""The client that costs little: whole answers, a closed loop, and arrivals that are sent when they are due."""

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.instrumented.load import Answer, Lane, arrivals, closed, connected, opened, request
from tests.server import Request, Response, Server

ANSWER = b"HTTP/1.1 200 OK\r\ndate: now\r\nContent-Length: 11\r\n\r\n\r\n\r\nhello\r\n"


@given(st.sets(st.integers(1, len(ANSWER) - 1), max_size=6))
def test_an_answer_is_whole_at_its_last_byte_however_it_comes(cuts):
    places = [0, *sorted(cuts), len(ANSWER)]
    answer = Answer()
    told = [answer.whole(ANSWER[begin:end]) for begin, end in pairwise(places)]
    assert told == [False] * len(cuts) + [True]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"",
    ],
    ids=["an error", "no length", "nothing"],
)
def test_what_cannot_be_measured_ends_the_measurement(data):
    with pytest.raises(SystemExit, match="asked for a page"):
        Answer().whole(data)


def test_an_answer_that_breaks_off_ends_the_measurement():
    answer = Answer()
    answer.whole(ANSWER[:-1])
    with pytest.raises(SystemExit, match="broke off"):
        answer.whole(b"")


def test_arrivals_are_a_poisson_stream_dealt_evenly():
    made = arrivals(1000, 60, 2, np.random.default_rng(7))
    due = np.array([moment for moment, _ in made])
    gaps = np.diff(due)
    assert len(made) == pytest.approx(60_000, rel=0.02)
    assert gaps.min() >= 0
    assert due[-1] < 60
    # The gaps of such a stream spread as far as they are long.
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)
    assert sum(side for _, side in made) == pytest.approx(30_000, rel=0.03)


def test_the_same_lot_makes_the_same_arrivals():
    assert arrivals(50, 5, 2, np.random.default_rng(3)) == arrivals(50, 5, 2, np.random.default_rng(3))


class Recording(Server):
    """Answers after ``takes`` seconds."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.takes = 0.0

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def _answer(self, _: Request) -> Response:
        time.sleep(self.takes)
        return Response(b"ok")


@pytest.fixture
def server():
    with Recording() as made:
        yield made


@pytest.mark.parametrize("count", [2, 25])
def test_a_closed_loop_makes_as_many_requests_as_it_is_told(server, count):
    requests = [request(f"/{n}") for n in range(10)]
    with connected(server.server_port, 4) as connections:
        closed(connections, requests, count)
    assert sorted(server.paths) == sorted(f"/{n % 10}" for n in range(count))


def test_arrivals_go_out_when_they_are_due_to_the_side_that_was_drawn(server):
    due = [(0.0, 0), (0.15, 1), (0.15, 0)]
    with Recording() as other, connected(server.server_port, 2) as ours, connected(other.server_port, 2) as theirs:
        began = time.perf_counter()
        times, late = opened([Lane(ours), Lane(theirs)], [request(f"/{n}") for n in range(3)], due)
        took = time.perf_counter() - began
    assert (server.paths, other.paths) == (["/0", "/2"], ["/1"])
    assert took >= 0.15
    assert all(one >= 0 for one in late)
    assert all(took > one > 0 for one in times)


def test_who_waits_for_a_connection_is_timed_from_the_moment_it_was_due(server):
    server.takes = 0.05
    with connected(server.server_port, 1) as connections:
        times, late = opened([Lane(connections)], [request("/")], [(0.0, 0), (0.01, 0), (0.02, 0)])
    # Each waits for all those before it.
    assert [one >= least for one, least in zip(times, (0.05, 0.09, 0.13), strict=True)] == [True] * 3
    assert late[1] >= 0.04 - 0.001
    assert late[2] >= 0.08 - 0.001
