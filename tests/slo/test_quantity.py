"""Numbers and durations are read exactly, or refused."""

from contextlib import suppress
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_slo.quantity import parse_decimal, parse_duration, parse_period

numbers = st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,12})?", fullmatch=True)
UNITS = {"us": Fraction(1, 1_000_000), "ms": Fraction(1, 1_000), "s": 1, "m": 60, "h": 3_600}


@given(numbers, st.sampled_from(["", "-"]))
def test_a_number_is_exactly_what_was_written(text, sign):
    assert Fraction(parse_decimal(sign + text)) == Fraction(sign + text)


@given(numbers, st.sampled_from(sorted(UNITS)))
def test_a_duration_is_exactly_its_number_times_its_unit(text, unit):
    assert Fraction(parse_duration(text + unit)) == Fraction(text) * UNITS[unit]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", "0.5"), ("1.5s", "1.5"), ("2m", "120"), ("250us", "0.00025"), ("1h", "3600")],
)
def test_durations_are_seconds(text, seconds):
    assert parse_duration(text) == Decimal(seconds)


@given(st.text())
def test_no_text_raises_anything_but_a_value_error(text):
    for parse in (parse_decimal, parse_duration, parse_period):
        with suppress(ValueError):
            parse(text)


@pytest.mark.parametrize("text", ["", "1e3", "0x10", "1_000", ".5", "5.", "+1", "inf", "NaN", "٣", "1" * 13, "0.5 "])
def test_what_is_no_plain_decimal_is_refused(text):
    with pytest.raises(ValueError, match=r"as in 0\.99"):
        parse_decimal(text)


@pytest.mark.parametrize("text", ["500", "500 ms", "-1s", "1m30s", "5MS", "ms", "1d", "٣s", "1s\n"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="as in 500ms"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "days"), [("30d", 30), ("4w", 28), ("720h", 30), ("1d", 1), ("366d", 366)])
def test_a_period_is_whole_days(text, days):
    assert parse_period(text) == days


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("1M", "write days"),
        ("1Q", "write days"),
        ("1Y", "write days"),
        ("30m", "30d or 4w"),
        ("36h", "whole days"),
        ("0d", "1 to 366"),
        ("367d", "1 to 366"),
        ("30", "30d or 4w"),
    ],
)
def test_what_is_no_period_is_refused_with_its_cure(text, cure):
    with pytest.raises(ValueError, match=cure):
        parse_period(text)
