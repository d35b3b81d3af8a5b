"""Histograms and counters: exact, bounded, and text that Prometheus reads."""

from bisect import bisect_left
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from tailgate_otel import names
from tailgate_otel.histogram import MAX_SERIES, Counter, Histogram

OTHER = ("_OTHER", "(other)")
LABELS = (names.LABEL_METHOD, names.LABEL_ROUTE)
SECONDS = 1e9

edges = st.lists(st.integers(1, 10**13).map(lambda nanoseconds: nanoseconds / SECONDS), min_size=1, max_size=20)
durations = st.lists(st.integers(0, 10**14), max_size=50)


def times(*at: float) -> Histogram:
    return Histogram("taken_seconds", "Time taken.", at, LABELS, OTHER, scale=SECONDS)


def page(metric: Histogram | Counter, *, om: bool = True) -> str:
    return "".join(metric.text(om)) + ("# EOF\n" if om else "")


def samples(metric: Histogram | Counter) -> dict[tuple[str, ...], float]:
    """Name and label values, in the order of the labels' names -> value."""
    [family] = openmetrics(page(metric))
    return {(s.name, *(s.labels[label] for label in sorted(s.labels))): s.value for s in family.samples}


@given(edges, durations)
def test_every_bucket_holds_what_is_not_above_its_edge_and_the_sum_is_exact(at, values):
    histogram = times(*at)
    for value in values:
        histogram.observe(("GET", "/"), value)
    histogram.cells(("GET", "/"))
    [family] = openmetrics(page(histogram))
    for sample in family.samples:
        if sample.name == "taken_seconds_bucket":
            # A decimal of seconds names a whole number of nanoseconds.
            edge = float(sample.labels["le"])
            limit = round(Fraction(edge) * 10**9) if edge < float("inf") else edge
            assert sample.value == sum(value <= limit for value in values)
        elif sample.name == "taken_seconds_count":
            assert sample.value == len(values)
        else:
            assert sample.value == sum(values) / 10**9


@given(edges, durations)
def test_who_keeps_the_cells_counts_the_same(at, values):
    kept, called = times(*at), times(*at)
    cells, bounds = kept.cells(("GET", "/")), kept.bounds
    called.cells(("GET", "/"))
    for value in values:
        cells[bisect_left(bounds, value)] += 1
        cells[-1] += value
        called.observe(("GET", "/"), value)
    assert page(kept) == page(called)
    assert kept.cells(("GET", "/")) is cells


@pytest.mark.parametrize("edge", [0.005, 0.0075, 0.0042, 0.1, 0.123456789, 2.5, 1e-9, 86400.0])
def test_a_value_equal_to_an_edge_belongs_below_it_and_a_nanosecond_more_above(edge):
    histogram = times(edge)
    nanoseconds = round(edge * 10**9)
    histogram.observe(("GET", "/"), nanoseconds)
    histogram.observe(("GET", "/"), nanoseconds + 1)
    assert histogram.cells(("GET", "/")) == [1, 1, 2 * nanoseconds + 1]


def test_years_of_nanoseconds_lose_none():
    histogram = times(1.0)
    for _ in range(3):
        histogram.observe(("GET", "/"), 10**18 + 1)
    assert histogram.cells(("GET", "/"))[-1] == 3 * 10**18 + 3


def test_edges_are_written_as_they_were_given_and_once_each():
    histogram = Histogram("queries", "Queries.", (4, 0, 4.0, 100, 1_000_000), LABELS, OTHER)
    histogram.cells(("GET", "/"))
    bounds = [s.labels["le"] for f in prometheus(page(histogram, om=False)) for s in f.samples if "le" in s.labels]
    assert bounds == ["0.0", "4.0", "100.0", "1e+06", "+Inf"]
    assert histogram.bounds == [0, 4, 100, 1_000_000]


def test_a_series_that_was_opened_is_0():
    histogram = times(1.0)
    histogram.cells(("GET", "/"))
    assert set(samples(histogram).values()) == {0}


def test_an_exemplar_stands_at_the_bucket_of_its_value_and_in_openmetrics_only():
    histogram = times(0.1, 0.25)
    histogram.observe(("GET", "/"), 200_000_000)
    histogram.exemplify(("GET", "/"), 200_000_000, "0af7")
    [family] = openmetrics(page(histogram))
    pointers = {s.labels["le"]: s.exemplar for s in family.samples if s.exemplar}
    assert list(pointers) == ["0.25"]
    assert pointers["0.25"].labels == {names.LABEL_TRACE_ID: "0af7"}
    assert pointers["0.25"].value == 0.2
    assert float(pointers["0.25"].timestamp) > 1.7e9
    assert "0af7" not in page(histogram, om=False)


def test_the_latest_exemplar_of_a_bucket_is_shown():
    histogram = times(0.1)
    for trace in ("aaaa", "bbbb"):
        histogram.observe(("GET", "/"), 1)
        histogram.exemplify(("GET", "/"), 1, trace)
    assert "aaaa" not in page(histogram)
    assert "bbbb" in page(histogram)


def test_more_series_than_there_may_be_share_one_and_nothing_is_lost():
    histogram = times(1.0)
    for index in range(MAX_SERIES + 50):
        histogram.observe(("GET", f"/{index}"), 1)
        histogram.exemplify(("GET", f"/{index}"), 1, f"{index:032x}")
    counts = {key: value for key, value in samples(histogram).items() if key[0] == "taken_seconds_count"}
    assert len(counts) == MAX_SERIES + 1
    assert counts["taken_seconds_count", *OTHER] == 50
    assert sum(counts.values()) == MAX_SERIES + 50


@pytest.mark.parametrize("om", [True, False], ids=["OpenMetrics", "plain"])
@pytest.mark.parametrize("value", ['a"b', "a\\", "a\nb", 'x"} 1\ny{z="', "söderström", "\r\t\0", "", "{}", "# EOF"])
def test_a_hostile_label_stays_a_label(value, om):
    histogram, counter = times(1.0), Counter("seen", "Seen.", ("what",))
    histogram.observe(("GET", value), 1)
    counter.add((value,))
    parse = openmetrics if om else prometheus
    [family] = parse(page(histogram, om=om))
    assert {s.labels[names.LABEL_ROUTE] for s in family.samples} == {value}
    [family] = parse(page(counter, om=om))
    assert [(s.labels, s.value) for s in family.samples] == [({"what": value}, 1)]


def test_a_counter_ends_in_total_in_either_format():
    counter = Counter("seen", "Seen.", ("what",))
    counter.add(("it",), 0)
    counter.add(("it",), 3)
    assert samples(counter) == {("seen_total", "it"): 3}
    assert page(counter).startswith("# HELP seen Seen.\n# TYPE seen counter\n")
    assert page(counter, om=False).startswith("# HELP seen_total Seen.\n# TYPE seen_total counter\n")
