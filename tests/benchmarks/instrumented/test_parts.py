"""What becomes of measurements: costs with their scrapes, a ratio of quantiles, whole traces, growth."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tailgate_otel import names

from benchmarks.instrumented import shop
from benchmarks.instrumented.complete import Asked, mixed, whole
from benchmarks.instrumented.cpu import per_request
from benchmarks.instrumented.latency import ratios
from benchmarks.instrumented.memory import growth
from benchmarks.instrumented.replay import FATES, Fate, fates
from benchmarks.instrumented.sides import SIDES

ASKED = Asked(page=shop.LOAD[4], key=7, trace=b"t" * 16, caller=b"c" * 8)


def test_a_turn_bears_its_part_of_a_scrape():
    turn = {"cpu": 0.8, "scrape": 0.01, "seconds": 2.5, "requests": 1000, "traces": 10}
    assert per_request(turn) == pytest.approx(0.8e-3 + 0.005e-3)


def seconds(scale: float, seed: int) -> list[list[float]]:
    draw = np.random.default_rng(seed)
    return [(scale * draw.exponential(0.002, draw.poisson(300))).tolist() for _ in range(60)]


@pytest.mark.parametrize("scale", [1.0, 1.3])
def test_the_interval_of_a_ratio_holds_what_is_true(scale):
    [(value, low, high)] = ratios(seconds(1, 1), seconds(scale, 2), [0.99])
    assert low < value < high
    assert low < scale < high
    assert high - low < 0.3


def test_a_side_beside_itself_is_as_quick():
    assert ratios(seconds(1, 1), seconds(1, 1), [0.5, 0.99]) == [(1, 1, 1)] * 2


def test_seconds_that_differ_widen_the_interval():
    calm = seconds(1, 1)
    stormy = [[5 * one for one in second] if n % 20 == 0 else second for n, second in enumerate(seconds(1, 2))]
    found = (ratios(calm, other, [0.99]) for other in (seconds(1, 2), stormy))
    calm_width, stormy_width = (high - low for [(_, low, high)] in found)
    assert stormy_width > 3 * calm_width


@settings(max_examples=20)
@given(st.lists(st.lists(st.floats(0.001, 10), min_size=1, max_size=5), min_size=1, max_size=8))
def test_a_quantile_is_the_nearest_rank_of_all_seconds(side):
    quantiles = [0.01, 0.5, 0.9, 0.99]
    ordered = sorted(one for second in side for one in second)
    ranks = [max(int(np.ceil(q * len(ordered) - 1e-9)), 1) for q in quantiles]
    found = ratios([[1.0] for _ in side], side, quantiles)
    assert [value for value, _, _ in found] == [ordered[rank - 1] for rank in ranks]


def trace(*, caller: bytes = ASKED.caller, counted: int = 4, below: int = 4) -> list[Span]:
    server = Span(kind=Span.SPAN_KIND_SERVER, trace_id=ASKED.trace, span_id=b"s" * 8, parent_span_id=caller)
    attribute = server.attributes.add(key=names.ATTR_QUERIES)
    attribute.value.int_value = counted
    query = Span(kind=Span.SPAN_KIND_CLIENT, trace_id=ASKED.trace, parent_span_id=server.span_id)
    wait = Span(kind=Span.SPAN_KIND_INTERNAL, trace_id=ASKED.trace, parent_span_id=server.span_id)
    return [*[query] * below, server, wait]


def test_a_trace_is_whole_with_its_server_span_and_a_span_for_each_query():
    assert whole(ASKED, trace())


@pytest.mark.parametrize(
    "spans",
    [
        [],
        trace(below=3),
        trace(below=5),
        trace(counted=3),
        trace(caller=b"x" * 8),
        [span for span in trace() if span.kind != Span.SPAN_KIND_SERVER],
        [*trace(), *trace()],
    ],
    ids=["nothing", "a query less", "a query more", "miscounted", "elsewhere", "no server", "twice"],
)
def test_a_trace_is_not_whole(spans):
    assert not whole(ASKED, spans)


def test_the_caller_has_not_decided_to_keep_the_trace():
    assert ASKED.traceparent == f"00-{b't'.hex() * 16}-{b'c'.hex() * 8}-00"


def test_of_mixed_requests_every_page_has_as_many_and_each_its_own_trace():
    made = mixed(10 * len(shop.PAGES), random.Random(1))
    assert set(Counter(one.page for one in made).values()) == {10}
    assert [one.page for one in made[: len(shop.PAGES)]] != list(shop.PAGES)
    assert len({one.trace for one in made}) == len(made)
    assert all(1 <= one.key <= shop.ROWS for one in made)


def test_growth_is_the_most_since_warm_over_what_was_held_then():
    held = [(50, 60), (100, 80), (150, 96), (200, 88)]
    figure = growth(held, 100)
    assert (figure.value, figure.low, figure.high) == (1.2, 1.0, 1.2)
    assert not figure.met
    assert growth(held[1:2], 100).met


def test_fates_come_as_often_as_they_should():
    made = Counter(fates(200_000, random.Random(1)))
    assert sum(made.values()) == 200_000
    assert sum(FATES.values()) == 10_000
    assert made[Fate()] / 200_000 == pytest.approx(FATES[Fate()] / 10_000, rel=0.02)
    assert set(made) == set(FATES)


def test_every_side_has_a_name_of_its_own():
    assert len({side.name for side in SIDES}) == len(SIDES)
