"""What a comparison would have found."""

import pytest
from tailgate_loadtest.judge.regression.statistics import visible
from tailgate_loadtest.judge.regression.statistics.size import Size
from tailgate_loadtest.judge.regression.statistics.visible import Errors


def known(error=0.02, windows=60):
    one = Size(value=0.0, error=error, freedom=13, pairs=14)
    return Errors(turns=one, duet=one, windows=windows, seconds=285)


def test_the_better_it_is_known_the_less_is_visible():
    found = [visible.smallest(known(error), tolerance=0.05, level=0.0005) for error in (0.001, 0.01, 0.1)]
    assert 0.05 < found[0] < found[1] < found[2]


def test_more_tests_at_once_hide_more():
    assert visible.smallest(known(), tolerance=0, level=1e-5) > visible.smallest(known(), tolerance=0, level=1e-2)


def test_so_few_windows_find_nothing_however_large():
    assert visible.smallest(known(windows=5), tolerance=0.05, level=0.0005) is None


def test_minutes_show_more():
    found = visible.forecast(known(), [1, 5, 20, 80], tolerance=0.05, level=0.0005)
    assert [minutes for minutes, _ in found] == [1, 5, 20, 80]
    shown = [value for _, value in found]
    assert shown == sorted(shown, reverse=True)
    assert shown[-1] == pytest.approx(0.05, abs=0.01)


def test_few_failures_are_not_seen_among_few_requests():
    many, few = (visible.fewest(requests, tolerance=0, level=0.0005) for requests in (1_000, 100))
    assert few == pytest.approx(10 * many)
    assert 11 < 1_000 * many < 18


def test_no_failures_are_seen_that_are_tolerated():
    assert visible.fewest(1_000, tolerance=0.05, level=0.0005) > 0.05
