"""The ledger: one load's deltas, however many recorders they come from, are one log and one account."""

import io
import math
import random
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tailgate_loadtest.errors import DeltaError
from tailgate_loadtest.measure.delta import Delta
from tailgate_loadtest.measure.hlog import LatencyLog, LogWriter, read
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.measure.ledger import Ledger
from tailgate_loadtest.measure.recorder import MAX_ERRORS, MAX_ROUTES, Recorder
from tailgate_loadtest.measure.server_timing import ServerTiming
from tailgate_loadtest.measure.slowest import SLOWEST
from tailgate_loadtest.measure.split import PARTS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "latency.hlog"


@pytest.fixture
def ledger(path):
    with path.open("w", encoding="ascii") as file:
        yield Ledger(LogWriter(file), lambda *_: None)


def one(route="GET /a", due=10.5, seconds=0.1) -> Delta:
    recorder = Recorder(0.0)
    recorder.success("Ada", route, due, seconds, seconds)
    return recorder.take()


def test_a_second_is_written_when_it_is_old_and_what_comes_late_has_a_line_of_its_own(ledger, path):
    ledger.add(one())
    ledger.fold(12.0)
    assert list(read(path)) == []
    ledger.fold(14.0)
    assert [interval.second for interval in read(path)] == [10, 10]  # response and service
    ledger.add(one(due=10.9, seconds=8.0))
    ledger.add(one(due=18.0))
    ledger.fold(18.9)
    ledger.close()
    assert [interval.second for interval in read(path) if interval.kind is Kind.RESPONSE] == [10, 10, 18]
    log = LatencyLog.load(path)
    assert log.seconds("GET /a", Kind.RESPONSE)[10].total == 2
    assert log.whole("GET /a", Kind.RESPONSE).total == 3


def test_memory_holds_a_few_seconds_whatever_the_length():
    ledger = Ledger(LogWriter(io.StringIO()), lambda *_: None)
    for second in range(1000):
        ledger.add(one(due=second))
        ledger.fold(second + 1)
        assert len(ledger._open) <= 5


def test_what_was_freshly_counted_is_told_once(ledger):
    ledger.add(one())
    kinds = (Kind.RESPONSE, Kind.SERVICE)
    assert {key: found.total for key, found in ledger.fresh().items()} == {("GET /a", kind): 1 for kind in kinds}
    assert ledger.recent().total == 1
    assert not ledger.fresh()
    assert not ledger.recent().counts


def test_routes_and_errors_of_many_recorders_are_bounded_together(ledger, path):
    for n in range(3):
        recorder = Recorder(0.0)
        for route in range(MAX_ROUTES):
            recorder.success("Ada", f"GET /{n}/{route}", 6.0, 0.01 + n, 0.01, 0.0, Answer(0.01, 0.0, None))
        for error in range(30):
            recorder.failure("Ada", "GET /0/0", 6.0, 0.1, f"Error{n}{error}")
        ledger.add(recorder.take())
    ledger.close()
    log = LatencyLog.load(path)
    assert len(log.routes) == MAX_ROUTES + 1
    assert log.whole("(other)", Kind.RESPONSE).total == 2 * MAX_ROUTES
    assert ledger.asked["Ada"].total() == 3 * MAX_ROUTES + 90
    assert ledger.splits["(other)"].requests == 2 * MAX_ROUTES
    assert len(ledger.splits) == MAX_ROUTES + 1
    assert {slow.route for slow in ledger.slowest.sorted()} == {"(other)"}
    assert len(ledger.folded) == 3
    assert len(ledger.errors["GET /0/0"]) == MAX_ERRORS + 1
    assert sum(errors.total() for errors in ledger.errors.values()) == 90


class Answer(NamedTuple):
    """What a client that times its steps says."""

    wait: float
    receive: float
    server_timing: ServerTiming | None
    opening: None = None


def answer(rng: random.Random, service: float) -> Answer | None:
    """What is said of a request: nothing by a client of its own, little by a server of its own."""
    wait = rng.uniform(0, service)
    spent = [rng.choice((None, rng.uniform(0, wait))) for _ in range(3)]
    said = ServerTiming(rng.choice((None, f"{rng.getrandbits(128):032x}")), None, *spent)
    return rng.choice((None, Answer(wait, service - wait, rng.choice((None, said)))))


def trace(seed: int, count: int = 3000):
    """Requests as (persona, route, due, response, service, error, answer)."""
    rng = random.Random(seed)
    for _ in range(count):
        service = rng.lognormvariate(-4, 1.5)
        wait = rng.choice((0.0, rng.expovariate(5)))
        error = rng.choice((None, None, None, "HTTP 500"))
        yield (
            rng.choice("AB"),
            f"GET /{rng.randrange(7)}",
            rng.uniform(0, 40),
            wait + service,
            service,
            error,
            answer(rng, service),
        )


def replay(requests, workers: int, log: io.StringIO, seed: int) -> Ledger:
    """The requests shared out among recorders, whose deltas come in any order, over whatever carries them."""
    rng = random.Random(seed)
    recorders = [Recorder(5.0) for _ in range(workers)]
    deltas = []
    for n, (persona, route, due, response, service, error, said) in enumerate(requests):
        recorder = recorders[n % workers]
        recorder.begun(persona)
        if error:
            recorder.failure(persona, route, due, response, error, said)
        else:
            recorder.success(persona, route, due, response, service, response - service, said)
        if rng.random() < 0.01:
            deltas.append(recorder.take())
    deltas += [recorder.take() for recorder in recorders]
    rng.shuffle(deltas)
    ledger = Ledger(LogWriter(log), lambda *_: None)
    for delta in deltas:
        ledger.add(Delta.of(delta.plain()))
    ledger.close()
    return ledger


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_one_worker_or_eight_leave_the_same_log_and_the_same_account(seed):
    requests = list(trace(seed, 300))
    logs = [io.StringIO(), io.StringIO()]
    one, eight = (replay(requests, workers, log, seed) for workers, log in zip((1, 8), logs, strict=True))
    assert sorted(logs[0].getvalue().splitlines()) == sorted(logs[1].getvalue().splitlines())
    assert (one.errors, one.begun, one.asked) == (eight.errors, eight.begun, eight.asked)
    assert one.warmup_requests == eight.warmup_requests > 0
    assert {route: split.sums for route, split in one.splits.items()} == {
        route: split.sums for route, split in eight.splits.items()
    }
    assert one.slowest.sorted() == eight.slowest.sorted()
    assert len(one.slowest.sorted()) == SLOWEST


def test_deltas_add_up_to_one(ledger):
    left, right = Delta(), Delta()
    requests = list(trace(1))
    recorder = Recorder(0.0)
    for n, (persona, route, due, response, service, _, said) in enumerate(requests):
        recorder.success(persona, route, due, response, service, 0.0, said)
        if n % 700 == 0:
            (left if n % 1400 else right).add(recorder.take())
    left.add(recorder.take())
    left.add(right)
    assert left.recent.total == len(requests)
    assert sum(found.total for found in left.counts.values()) == 2 * len(requests)
    timed = [request for request in requests if request[-1] is not None]
    assert sum(split.requests for split in left.splits.values()) == len(timed)
    assert [slow.response for slow in left.slowest.sorted()] == sorted((r[3] for r in requests), reverse=True)[:SLOWEST]


@pytest.mark.parametrize(
    "change",
    [
        {"counts": [[1, "GET /a", "response", [5]]]},
        {"counts": [[1, "GET /a", "response", [5, -1]]]},
        {"counts": [[-1, "GET /a", "response", [5, 1]]]},
        {"counts": [[10**9, "GET /a", "response", [5, 1]]]},
        {"counts": [[1, "GET /a", "response", [10**9, 1]]]},
        {"counts": [[1, "GET /a", "guess", [5, 1]]]},
        {"counts": [[1, "x" * 1000, "response", [5, 1]]]},
        {"counts": [[1.5, "GET /a", "response", [5, 1]]]},
        {"counts": "all of them"},
        {"errors": {"GET /a": {"HTTP 500": True}}},
        {"errors": []},
        {"begun": {"Ada": "3"}},
        {"unstarted": {"Ada": [None]}},
        {"warmup_requests": -3},
        {"recent": {"5": 1}},
        {"folded": [1]},
        {"splits": []},
        {"splits": {"GET /a": [[5, 1, 0]]}},
        {"splits": {"GET /a": [[5, 0, 0, *[0] * len(PARTS)]]}},
        {"splits": {"GET /a": [[5, 1, 2, *[0] * len(PARTS)]]}},
        {"splits": {"GET /a": [[5, 1, 1, *[-1] * len(PARTS)]]}},
        {"splits": {"GET /a": [[5, 1, 1, *[0.5] * len(PARTS)]]}},
        {"splits": {"GET /a": [[10**9, 1, 1, *[0] * len(PARTS)]]}},
        {"splits": {"x" * 1000: [[5, 1, 1, *[0] * len(PARTS)]]}},
        {"slowest": [[1.0, 2.0, "GET /a", ""]]},
        {"slowest": [[math.nan, 2.0, "GET /a", "", ""]]},
        {"slowest": [[1.0, -2.0, "GET /a", "", ""]]},
        {"slowest": [[True, 2.0, "GET /a", "", ""]]},
        {"slowest": [[1.0, 2.0, "GET /a", "x" * 1000, ""]]},
        {"slowest": [[1.0, 2.0, "GET /a", "", "<a trace>"]]},
        {"slowest": 3},
    ],
)
def test_what_is_no_delta_is_refused(change):
    with pytest.raises(DeltaError):
        Delta.of({**one().plain(), **change})
    with pytest.raises(DeltaError):
        Delta.of(None)
