"""The recorder: counts by second and route, what is excluded, what comes late, what is too much."""

import io
from pathlib import Path

import pytest
from tailgate_loadtest.measure.hlog import LatencyLog, LogWriter, read
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.measure.recorder import MAX_ROUTES, Recorder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "latency.hlog"


@pytest.fixture
def recorder(path):
    with path.open("w", encoding="ascii") as file:
        yield Recorder(LogWriter(file), warmup=5.0)


def test_requests_due_in_the_warm_up_are_counted_apart_and_never_logged(recorder, path):
    recorder.success("GET /a", 4.999, 0.1, 0.1)
    recorder.failure("GET /a", 0.0, 0.1, "HTTP 500")
    recorder.censored("GET /a", 4.0, 60)
    recorder.success("GET /a", 5.0, 0.1, 0.1)
    recorder.close()
    assert recorder.warmup_requests == 3
    assert recorder.totals["GET /a"].requests == 1
    assert LatencyLog.load(path).seconds("GET /a", Kind.RESPONSE).keys() == {5}
    assert LatencyLog.load(path).whole(None, Kind.FAILED).total == 0


def test_every_kind_is_counted_where_it_belongs(recorder, path):
    recorder.success("GET /a", 6.2, 0.3, 0.1)
    recorder.failure("GET /a", 6.4, 0.2, "HTTP 500")
    recorder.censored("GET /a", 7.0, 9.0)
    recorder.setup("POST /login", 1.0, 0.05, "HTTP 401")
    recorder.setup("POST /login", -3.0, 0.05, None)
    recorder.close()
    log = LatencyLog.load(path)
    assert log.seconds("GET /a", Kind.RESPONSE)[6].quantile(0.5) == pytest.approx(0.3, rel=1e-3)
    assert log.seconds("GET /a", Kind.SERVICE)[6].quantile(0.5) == pytest.approx(0.1, rel=1e-3)
    assert log.seconds("GET /a", Kind.FAILED)[6].quantile(0.5) == pytest.approx(0.2, rel=1e-3)
    assert log.seconds("GET /a", Kind.CENSORED)[7].quantile(0.5) == pytest.approx(9, rel=1e-3)
    assert log.seconds("POST /login", Kind.SETUP).keys() == {0, 1}
    totals = recorder.totals["GET /a"]
    assert (totals.requests, totals.failed, totals.censored, totals.errors) == (3, 1, 1, {"HTTP 500": 1})
    login = recorder.totals["POST /login"]
    assert (login.requests, login.setup, login.errors) == (0, 2, {"setup: HTTP 401": 1})


def test_a_second_is_written_when_it_is_old_and_what_comes_late_has_a_line_of_its_own(recorder, path):
    recorder.success("GET /a", 10.5, 0.1, 0.1)
    recorder.fold(12.0)
    assert list(read(path)) == []
    recorder.fold(14.0)
    assert [interval.second for interval in read(path)] == [10, 10]  # response and service
    recorder.success("GET /a", 10.9, 8.0, 8.0)
    recorder.success("GET /a", 18.0, 0.1, 0.1)
    recorder.fold(18.9)
    recorder.close()
    lines = [interval.second for interval in read(path) if interval.kind is Kind.RESPONSE]
    assert lines == [10, 10, 18]
    log = LatencyLog.load(path)
    assert log.seconds("GET /a", Kind.RESPONSE)[10].total == 2
    assert log.whole("GET /a", Kind.RESPONSE).total == recorder.totals["GET /a"].requests == 3


def test_memory_holds_a_few_seconds_whatever_the_length():
    recorder = Recorder(LogWriter(io.StringIO()), warmup=0.0)
    for second in range(1000):
        recorder.success("GET /a", second, 0.01, 0.01)
        recorder.fold(second + 1)
        assert len(recorder._open) <= 5


def test_routes_past_the_bound_fall_into_one_and_three_are_named(recorder, path):
    for n in range(MAX_ROUTES + 50):
        recorder.success(f"GET /{n:03}", 6.0, 0.01, 0.01)
    recorder.success("GET /000", 6.0, 0.01, 0.01)
    recorder.close()
    assert len(recorder.totals) == MAX_ROUTES + 1
    assert recorder.totals["(other)"].requests == 50
    assert recorder.totals["GET /000"].requests == 2
    assert recorder.folded_routes == ["GET /200", "GET /201", "GET /202"]
    log = LatencyLog.load(path)
    assert len(log.routes) == MAX_ROUTES + 1
    assert log.whole("(other)", Kind.RESPONSE).total == 50
    assert log.whole(None, Kind.RESPONSE).total == MAX_ROUTES + 51


def test_errors_past_the_bound_are_counted_together(recorder):
    for n in range(30):
        recorder.failure("GET /a", 6.0, 0.1, f"Error{n}")
        recorder.setup("GET /a", 6.0, 0.1, f"Error{n}")
    errors = recorder.totals["GET /a"].errors
    assert len(errors) == 21
    assert errors.total() == 60
    assert errors["other errors"] == 40
