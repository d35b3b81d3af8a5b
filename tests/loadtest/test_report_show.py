"""Numbers as the reports write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.report import show

THIN = show.NARROW


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (3.14159, "3.14"),
        (3.0, "3.00"),
        (9.996, "10.0"),
        (99.96, "100"),
        (0.012345, "0.0123"),
        (312.4, "312"),
        (12_345, f"12{THIN}300"),
        (999_600, f"1{THIN}000{THIN}000"),
        (-0.5, "-0.500"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_a_measured_number_has_three_digits_and_keeps_its_zeros(value, text):
    assert show.significant(value) == text


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_a_measured_number_is_never_further_than_its_last_digit_from_the_truth(value):
    shown = float(show.significant(value).replace(THIN, ""))
    assert abs(shown - value) <= 0.0051 * value


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (show.percent(0.999), f"99.9{THIN}%"),
        (show.percent(0.95), f"95{THIN}%"),
        (show.percent(0.29), f"29{THIN}%"),
        (show.percentile(0.999), "p99.9"),
        (show.percentile(0.57), "p57"),
        (show.threshold(0.5), f"500{THIN}ms"),
        (show.threshold(0.0123), f"12.3{THIN}ms"),
        (show.threshold(1.0), f"1{THIN}000{THIN}ms"),
        (show.latency(0.00314159), f"3.14{THIN}ms"),
        (show.exact(4.0), "4"),
        (show.exact(1e21), THIN.join(["1", *["000"] * 7])),
        (show.several(1, "run"), "1 run"),
        (show.several(0, "run"), "0 runs"),
        (show.several(2000, "run"), f"2{THIN}000 runs"),
        (show.count(1234567), f"1{THIN}234{THIN}567"),
        (show.rate(1234.5), f"1{THIN}234"),
        (show.rate(12.345), "12.3"),
        (show.size(8 * 1024**3), f"8{THIN}GiB"),
        (show.size(1500), f"1.5{THIN}KiB"),
    ],
)
def test_what_somebody_wrote_down_comes_back_without_float_noise(shown, text):
    assert shown == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0"),
        (1.0, "100"),
        (0.99987, "99.987"),
        (0.9999987, "99.99987"),
        (0.5, "50.0"),
        (0.072917, "7.3"),
        (0.00013, "0.013"),
    ],
)
def test_a_counted_share_keeps_all_its_nines(share, text):
    assert show.measured_share(share) == f"{text}{THIN}%"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.9985714285714286, "99.86"),
        (0.95, "95"),
        (0.00028571428571428574, "0.029"),
        (0.010000000000000002, "1"),
        (0.0, "0"),
        (1.0, "100"),
    ],
)
def test_a_share_that_follows_from_others_has_no_more_digits_than_a_counted_one(share, text):
    assert show.derived_share(share) == f"{text}{THIN}%"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0.4 s"),
        (35.4, "35 s"),
        (59.7, "1 min"),
        (90, "1 min 30 s"),
        (7500, "2 h 5 min"),
        (3599.6, "1 h"),
        (0, "0 s"),
    ],
)
def test_a_length_of_time_is_said_in_the_units_one_would_say(seconds, text):
    assert show.plain(show.span(seconds)) == text


@pytest.mark.parametrize(("seconds", "longest", "text"), [(30, 60, "30 s"), (90, 600, "1:30"), (3661, 7200, "1:01:01")])
def test_a_moment_fits_the_length_of_its_axis(seconds, longest, text):
    assert show.plain(show.moment(seconds, longest)) == text


@given(st.text())
def test_a_clean_line_has_nothing_that_a_reader_would_obey(text):
    line = show.one_line(text, 80)
    assert len(line) <= 80
    assert line.isprintable() or all(c.isprintable() or ord(c) > 0x9F for c in line)
    assert line == show.clean(line)
    line.encode()
