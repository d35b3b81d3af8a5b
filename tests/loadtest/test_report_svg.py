"""The charts' parts: scales, round values at their edges, paths, and text that stays text."""

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from tailgate_loadtest.report import latency, plot, svg
from tailgate_loadtest.report.scale import (
    Scale,
    log_bounds,
    log_ticks,
    spread,
    ticks,
    time_ticks,
    whole_ticks,
)

times = st.floats(min_value=1e-6, max_value=3600)


@given(st.floats(min_value=1e-6, max_value=1e7), st.integers(2, 10))
def test_an_axis_ends_at_a_round_value_that_nothing_exceeds(high, about):
    found = ticks(high, about)
    assert found[0] == 0
    assert found[-1] >= high * (1 - 1e-6)
    assert found[-2] < high
    assert len(found) <= about + 2


def test_what_can_only_be_counted_has_no_fractions_beside_it():
    assert whole_ticks(2, 8) == [0, 1, 2]


@given(times, times)
def test_a_logarithmic_axis_holds_every_value_and_has_a_tick(one, other):
    low, high = sorted((one, other))
    bottom, top = log_bounds(low, high)
    assert bottom <= low * (1 + 1e-6)
    assert top >= high * (1 - 1e-6)
    assert bottom < top
    assert log_ticks(bottom, top)


@given(times, times, st.booleans())
def test_a_scale_keeps_order_and_stays_within_its_edges(one, other, log):
    scale = Scale(1e-3, 10, 300, 0, log)
    low, high = sorted((one, other))
    assert 0 <= scale(high) <= scale(low) <= 300


def test_a_logarithmic_scale_gives_each_decade_the_same_room():
    scale = Scale(1, 100, 0, 200, log=True)
    assert scale(10) == pytest.approx(100)


@given(st.floats(min_value=1, max_value=600_000), st.integers(2, 14))
def test_a_time_axis_has_no_more_labels_than_fit(seconds, about):
    assert len(time_ticks(seconds, about)) <= about + 1


@given(st.lists(st.floats(min_value=-50, max_value=400), max_size=8))
def test_labels_are_moved_apart_and_stay_inside(places):
    moved = sorted(spread(places, 13, 0, 300))
    assert all(after - before >= 13 - 1e-6 for before, after in pairwise(moved))
    assert all(-1e-6 <= place <= 300 + 1e-6 for place in moved)


def test_labels_that_have_room_stay_where_they_are():
    assert spread([10, 100, 50], 13, 0, 300) == [10, 100, 50]


def test_text_and_attributes_stay_text():
    made = svg.element("text", '<script>"&', "\x1b", Markup("<b/>"), class_='"><x', text_anchor=None, x=-0.01)
    assert made == '<text class="&#34;&gt;&lt;x" x="0">&lt;script&gt;&#34;&amp;\ufffd<b/></text>'


def test_a_line_breaks_at_a_gap_and_a_point_alone_is_a_dot():
    made = ElementTree.fromstring(svg.line([(0, 1), (2, 3.25), None, None, (4, 5)], "p95"))
    assert made.get("d") == "M0 1L2 3.2 M4 5h0"


def test_an_area_closes_on_its_base():
    made = ElementTree.fromstring(svg.area([(0, 1), (2, 3)], 10, "planned"))
    assert made.get("d") == "M0 10L0 1 2 3 2 10z"


@pytest.mark.parametrize(
    ("values", "log"), [((0.002, 0.009), False), ((0.002, 0.5), True), ((), False), ((float("nan"), 0.1), False)]
)
def test_the_axis_of_times_is_logarithmic_only_where_low_ones_would_vanish(values, log):
    low, high, is_log = latency.domain(values)
    assert is_log is log
    assert low < high
    assert (low > 0) is log


FRAMES = (plot.WIDE, plot.NARROW, plot.SMALL)
LOW = tuple(replace(frame, height=120) for frame in FRAMES)


def labels_of(axis: Markup) -> list[tuple[float, float]]:
    """The values beside an axis that are written as Python does, each with its place."""
    texts = [text for text in ElementTree.fromstring(axis).iter("text") if text.get("class") != "unit"]
    return [(float(text.text), float(text.get("y")) - 4) for text in texts]


@given(st.lists(times, min_size=1, max_size=3), st.sampled_from(FRAMES))
def test_a_value_beside_an_axis_of_times_stands_where_it_is_and_touches_no_other(values, frame):
    y = latency.axis(latency.domain(values), frame)
    labels = labels_of(plot.y_axis(frame, y, "ms", repr))
    assert y.high >= max(values)
    assert [place for _, place in labels] == pytest.approx([y(value) for value, _ in labels], abs=0.1)
    assert all(low - high >= plot.LINE_HEIGHT for (_, low), (_, high) in pairwise(labels))
    if not y.log:
        assert labels[-1] == (pytest.approx(y.high), frame.y1)


@given(st.integers(1, 10**6), st.sampled_from(LOW))
def test_beside_an_axis_of_what_is_counted_stand_whole_numbers_up_to_its_end(most, frame):
    y = plot.upward(frame, most, whole_ticks)
    labels = labels_of(plot.y_axis(frame, y, "waiting", repr, whole_ticks))
    assert all(value.is_integer() for value, _ in labels)
    assert labels[-1] == (y.high, frame.y1)


def test_labels_of_near_thresholds_do_not_cover_one_another():
    frame = plot.SMALL
    y = Scale(0.001, 2, frame.y0, frame.y1, log=True)
    made = ElementTree.fromstring(
        plot.limits(frame, y, [(1.0, "p99"), (0.9, "p97"), (0.5, "p95"), (0.45, "p94"), (0.001, "p50")])
    )
    places = sorted(float(text.get("y")) for text in made.iter("text"))
    assert all(after - before >= 11 for before, after in pairwise(places))
