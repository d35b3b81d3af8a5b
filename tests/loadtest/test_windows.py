"""Cutting a stretch of a run into windows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.statistics import MAX_WINDOWS
from tailgate_loadtest.judge.windows import cut
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval, LatencyLog
from tailgate_loadtest.measure.kinds import Kind


def at(second: int, seconds: float, count: int = 1, kind: Kind = Kind.RESPONSE, route: str = "GET /a") -> Interval:
    histogram = Histogram()
    histogram.add(round(seconds * 1e9), count)
    return Interval(second, route, kind, histogram)


LOG = LatencyLog(
    [
        at(4, 9.0),
        at(5, 0.1, 10),
        at(5, 0.7, 2),
        at(6, 0.1, 4, Kind.FAILED),
        at(7, 3.0, 5, Kind.CENSORED),
        at(7, 0.2, 3, route="GET /b"),
        at(8, 0.3, 1, Kind.SETUP),
        at(9, 9.0),
    ]
)


def test_what_lies_in_the_stretch_is_counted_in_its_window():
    windows = cut(LOG, "GET /a", 5.0, 9.0)
    assert windows.total.tolist() == [12, 4, 5, 0]
    assert windows.bad.tolist() == [0, 4, 5, 0]
    assert windows.failed.tolist() == [0, 4, 0, 0]
    assert windows.slower(0.5).tolist() == [2, 4, 5, 0]
    assert cut(LOG, None, 5.0, 9.0).total.tolist() == [12, 4, 8, 0]
    assert cut(LOG, "GET /nowhere", 5.0, 9.0).total.sum() == 0


def test_a_stretch_takes_in_the_seconds_it_begins_and_ends_in():
    assert cut(LOG, "GET /a", 4.6, 4.7).total.tolist() == [1]
    assert cut(LOG, "GET /a", 5.5, 9.2).total.tolist() == [12, 4, 5, 0, 1]
    assert cut(LOG, "GET /a", 5.0, 5.0).total.tolist() == [12]


@given(st.integers(0, 40), st.integers(1, 4000))
def test_windows_of_a_long_run_are_longer_and_lose_nothing(start, length):
    log = LatencyLog(at(second, 0.01, 2) for second in range(start, start + length, 7))
    windows = cut(log, None, start, start + length)
    assert windows.total.sum() == 2 * len(range(0, length, 7))
    assert len(windows.total) <= MAX_WINDOWS
    assert len(windows.total) > MAX_WINDOWS / 2 or len(windows.total) == length


def test_a_percentile_among_the_unanswered_is_at_least_what_its_rank_waited():
    """Of 300, all but 31 took 0.1 s; these hang, and have waited 5, 6 and so on to 35 s."""
    hanging = [at(n, 35.0 - n, kind=Kind.CENSORED) for n in range(31)]
    windows = cut(LatencyLog([at(0, 0.1, 269), *hanging]), None, 0, 31)
    assert windows.total.sum() == 300
    assert windows.at_least(0.95) == pytest.approx(20, rel=1e-3)
    assert windows.at_least(1.0) == pytest.approx(35, rel=1e-3)


def test_a_failed_request_is_longer_than_all_that_was_seen():
    windows = cut(LatencyLog([at(0, 0.1, 80), at(0, 0.001, 20, Kind.FAILED)]), None, 0, 1)
    assert windows.at_least(0.95) == pytest.approx(0.1, rel=1e-3)
    assert math.isnan(cut(LatencyLog([at(0, 0.1, 2, Kind.FAILED)]), None, 0, 1).at_least(0.5))


def test_looking_at_a_log_does_not_change_it():
    before = LOG.whole("GET /a", Kind.RESPONSE)
    windows = cut(LOG, "GET /a", 5.0, 9.0)
    windows.good[0].add(1)
    assert windows.total[0] == 13
    assert np.array_equal(cut(LOG, "GET /a", 5.0, 9.0).total, [12, 4, 5, 0])
    assert LOG.whole("GET /a", Kind.RESPONSE) == before
