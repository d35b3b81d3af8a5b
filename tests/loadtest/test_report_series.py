"""What the charts draw, from histograms and counts."""

import math

import pytest
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval, LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.report.series import MAX_BINS, Span, curve, flows, over_time
from tailgate_loadtest.run.document import Tick

ROUTE = "GET /"


def times(*milliseconds: float) -> Histogram:
    histogram = Histogram()
    for each in milliseconds:
        histogram.add(round(each * 1e6))
    return histogram


def log(*intervals: tuple[int, Kind, Histogram]) -> LatencyLog:
    return LatencyLog(Interval(second, ROUTE, kind, histogram) for second, kind, histogram in intervals)


def test_an_unanswered_request_counts_with_the_time_it_waited_and_a_failed_one_as_bad_alone():
    known = log((3, Kind.RESPONSE, times(10, 10)), (3, Kind.CENSORED, times(9000)), (3, Kind.FAILED, times(1, 1, 1, 1)))
    (only,) = over_time(known, ROUTE, Span(10, 0, 10))
    assert only.p99 == pytest.approx(9, rel=1e-3)
    assert only.p50 == pytest.approx(0.010, rel=1e-3)
    assert (only.requests, only.bad) == (7, 5)


def test_a_second_in_which_all_failed_has_no_time_but_is_there():
    (only,) = over_time(log((3, Kind.FAILED, times(1, 1))), None, Span(10, 0, 10))
    assert math.isnan(only.p50)
    assert (only.requests, only.bad) == (2, 2)


def test_a_long_run_has_seconds_together_and_loses_no_request():
    known = log(*((second, Kind.RESPONSE, times(5)) for second in range(3600)))
    bins = over_time(known, ROUTE, Span(3600, 0, 3600))
    assert len(bins) <= MAX_BINS
    assert sum(each.requests for each in bins) == 3600


def test_a_curve_ends_before_the_requests_that_were_not_answered_well():
    known = log((0, Kind.RESPONSE, times(1, 2, 3)), (0, Kind.FAILED, times(1)))
    found = curve(known, ROUTE, Kind.RESPONSE)
    assert [share for share, _ in found.points] == [0.125, 0.375, 0.625]
    assert (found.total, found.bad) == (4, 1)


def test_the_largest_time_of_a_curve_has_a_place_on_a_scale_that_never_reaches_1():
    assert curve(log((0, Kind.RESPONSE, times(1))), ROUTE, Kind.RESPONSE).points[-1][0] < 1


def test_counts_since_the_beginning_become_rates_per_second():
    def tick(second: float, started: float) -> Tick:
        return Tick(
            second=second,
            planned=10 * second,
            started=started,
            completed=started - 1,
            waiting=1,
            users=1,
            requests=started,
            failed=0,
            lag=0,
        )

    first, second = flows([tick(1, 8), tick(3, 28)], Span(3, 0, 3))
    assert (first.planned, first.started, first.completed) == (10, 8, 7)
    assert (second.start, second.end, second.started) == (1, 3, 10)
