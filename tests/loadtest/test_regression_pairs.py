"""Two logs cut into windows by the design."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.regression.statistics.pairs import cut, duet_windows, turn_windows
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval, LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.shapes.sides import Design, Side

ROUTE = "GET /things"
designs = st.builds(
    Design, seconds=st.integers(1, 600), warmup=st.just(0), seed=st.integers(0, 99), block=st.integers(1, 9)
)


def log(kind=Kind.RESPONSE, seconds=range(300), each=(0.01, 0.02)):
    return LatencyLog([Interval(second, ROUTE, kind, Histogram.of(each)) for second in seconds])


def both(*logs):
    intervals = []
    for one in logs:
        for kind in Kind:
            intervals += [Interval(s, ROUTE, kind, h) for s, h in one.seconds(ROUTE, kind).items()]
    return LatencyLog(intervals)


@given(designs, st.integers(0, 700))
def test_no_second_is_in_two_windows_and_none_is_later_than_asked(design, until):
    spans = [*duet_windows(design, until), *(span for pair in turn_windows(design, until) for span in pair)]
    seconds = [second for start, end in spans for second in range(start, end)]
    assert len(seconds) == len(set(seconds))
    assert all(second < until for second in seconds)


@given(designs)
def test_over_the_whole_load_every_second_is_in_a_window(design):
    spans = [*duet_windows(design, 1e9), *(span for pair in turn_windows(design, 1e9) for span in pair)]
    assert sum(end - start for start, end in spans) == design.seconds


def test_the_warm_up_is_in_none():
    design = Design(seconds=300, warmup=17, seed=1, block=5)
    assert min(start for start, _ in duet_windows(design, 300)) == 17


def test_a_pair_is_a_turn_of_the_base_and_the_turn_of_the_candidate_beside_it():
    design = Design(seconds=300, warmup=15, seed=4, block=5)
    to = {segment.start: segment.to for segment in design.segments}
    for base, candidate in turn_windows(design, 300):
        assert (to[base[0]], to[candidate[0]]) == (Side.BASE, Side.CANDIDATE)
        assert base[1] == candidate[0] or candidate[1] == base[0]


def test_windows_side_by_side_last_about_five_seconds():
    for block in (1, 2, 3, 5, 8):
        lengths = [end - start for start, end in duet_windows(Design(seconds=400, warmup=0, seed=1, block=block), 400)]
        assert 3 <= np.median(lengths) <= 7


@pytest.mark.parametrize(("turn", "window"), [(2, 4), (5, 5)])
def test_windows_side_by_side_are_as_long_as_the_page_says(turn, window):
    design = Design(seconds=400, warmup=0, seed=1, block=turn)
    assert {end - start for start, end in duet_windows(design, 400)} == {window}


def test_counts_are_those_of_the_logs():
    design = Design(seconds=300, warmup=0, seed=1, block=5)
    found = cut(log(), log(each=(0.03,)), ROUTE, design, 300)
    together, turns = found.duet.latency, found.turns.latency
    seconds = sum(end - start for start, end in duet_windows(design, 300))
    assert together.base.sum() == 2 * seconds
    assert together.candidate.sum() == seconds
    # A log that has requests in all seconds has them in the other side's turns as well: those are not its own.
    assert turns.base.sum() == 2 * turns.candidate.sum() == 2 * 5 * len(turns.base)


def test_values_ascend_and_end_in_what_was_never_answered():
    design = Design(seconds=300, warmup=0, seed=1, block=5)
    candidate = both(log(), log(Kind.CENSORED, seconds=[2], each=(5.0, 5.0, 5.0)))
    found = cut(log(), candidate, ROUTE, design, 300).duet
    assert (np.diff(found.latency.values) > 0).all()
    assert np.isinf(found.latency.values[-1])
    assert found.latency.candidate[0, -1] == 3
    assert (found.latency.base[:, -1] == 0).all()
    assert found.failures.candidate[0].tolist() == [10.0, 3.0]


def test_failed_requests_have_no_time_but_are_counted():
    design = Design(seconds=300, warmup=0, seed=1, block=5)
    found = cut(log(), both(log(), log(Kind.FAILED, seconds=[0], each=(0.5,))), ROUTE, design, 300).duet
    assert found.latency.candidate[0].sum() == found.latency.base[0].sum()
    assert found.failures.candidate[0].tolist() == [10.0, 1.0]


def test_what_nobody_knows_the_end_of_is_told():
    lost = both(log(), log(Kind.LOST, seconds=[7], each=(0.0, 0.0)))
    assert cut(log(), lost, ROUTE, Design(seconds=300, warmup=0, seed=1, block=5), 300).lost == 2


@pytest.mark.parametrize("until", [0, 3, 19])
def test_before_any_window_is_over_there_are_none(until):
    found = cut(log(), log(), ROUTE, Design(seconds=300, warmup=15, seed=1, block=5), until)
    assert len(found.duet.latency.base) == len(found.turns.latency.base) == 0


def test_a_route_that_neither_side_has_is_empty():
    found = cut(LatencyLog([]), LatencyLog([]), ROUTE, Design(seconds=300, warmup=15, seed=1, block=5), 300)
    assert found.duet.latency.base.sum() == found.turns.failures.candidate.sum() == 0
