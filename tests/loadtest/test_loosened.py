"""Whether a file asks for less than the one before it."""

import itertools
from decimal import Decimal

import pytest
import tailgate_slo
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.regression.terms.loosened import EVERYTHING, loosenings
from tailgate_slo import Objectives

SLO = """\
---
apiVersion: openslo/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  service: shop
  timeWindow: [{{duration: {days}d, isRolling: true}}]
  budgetingMethod: Occurrences
  indicator:
    metadata: {{name: {name}}}
    spec:
      thresholdMetric:
        metricSource: {{type: tailgate, spec: {{{spec}}}}}
  objectives: [{{target: {target}}}]
"""
GATE = """\
---
apiVersion: tailgate/v1
kind: Gate
metadata: {{name: {name}}}
spec: {{{spec}}}
"""
PROMETHEUS = """\
---
apiVersion: openslo/v1
kind: SLO
metadata: {{name: depth}}
spec:
  service: shop
  timeWindow: [{{duration: 30d, isRolling: true}}]
  budgetingMethod: Occurrences
  indicator:
    metadata: {{name: depth}}
    spec: {{thresholdMetric: {{metricSource: {{type: Prometheus, spec: {{query: queue_depth}}}}}}}}
  objectives: [{{target: 0.99, op: {op}, value: {value}}}]
"""


def latency(name: str = "orders", route: str = "GET /orders", threshold: str = "500ms", target: str = "0.95", days=30):
    return SLO.format(
        name=name, days=days, target=target, spec=f"measure: latency, route: {route}, threshold: {threshold}"
    )


def read(*documents: str) -> Objectives:
    return tailgate_slo.parse("".join(documents).encode(), "slo.yaml")


def told(base: Objectives | None, candidate: Objectives | None) -> list[str]:
    return [f"{each.objective}: {each.what}" for each in loosenings(base, candidate)]


def test_the_same_file_loosens_nothing() -> None:
    assert loosenings(read(latency()), read(latency())) == ()


@pytest.mark.parametrize(
    ("changes", "what", "by"),
    [
        ({"threshold": "600ms"}, "the threshold was raised from 500 ms to 600 ms", "0.2"),
        ({"target": "0.94"}, "the target was lowered from 95 % to 94 %", "0.2"),
        ({"days": 24}, "the window was shortened from 30 to 24 days", "0.25"),
    ],
)
def test_an_objective_that_asks_for_less_is_loosened(changes, what, by) -> None:
    (found,) = loosenings(read(latency()), read(latency(**changes)))
    assert (found.objective, found.route, found.kind, found.what) == ("orders", "GET /orders", "latency", what)
    assert found.by == Decimal(by)


@pytest.mark.parametrize("changes", [{"threshold": "400ms"}, {"target": "0.99"}, {"days": 90}])
def test_an_objective_that_asks_for_more_is_not_loosened(changes) -> None:
    assert told(read(latency()), read(latency(**changes))) == []


def test_every_way_of_asking_for_less_is_told() -> None:
    worse = latency(threshold="2s", target="0.5", days=1)
    assert [each.by for each in loosenings(read(latency()), read(worse))] == [EVERYTHING] * 3


def test_a_removed_objective_is_loosened_and_a_renamed_one_is_not() -> None:
    base = read(latency(), latency("paying", "POST /pay"))
    assert told(base, read(latency())) == ["paying: no objective asks for this any more"]
    assert told(base, read(latency("renamed"), latency("paying", "POST /pay"))) == []


def test_a_removed_file_removes_every_objective() -> None:
    assert told(read(latency()), None) == ["orders: no objective asks for this any more"]


def test_without_a_file_before_nothing_can_be_loosened() -> None:
    assert told(None, read(latency())) == []
    assert told(None, None) == []


def test_an_objective_moved_to_another_route_is_missed_on_its_own() -> None:
    assert told(read(latency()), read(latency(route="GET /others"))) == ["orders: no objective asks for this any more"]


def test_a_vital_and_a_moment_of_the_same_page_are_different_things() -> None:
    lcp, panels = (
        SLO.format(name=name, days=30, target="0.75", spec=f"measure: vital, route: /inbox, threshold: 2s, {of}")
        for name, of in (("lcp", "vital: lcp"), ("panels", "timing: panels_complete"))
    )
    assert told(read(lcp, panels), read(lcp)) == ["panels: no objective asks for this any more"]


def test_a_second_looser_objective_beside_the_first_is_no_loosening() -> None:
    assert told(read(latency()), read(latency(), latency("slow", threshold="2s"))) == []


def test_an_objective_is_compared_with_that_of_its_name_where_none_is_as_strict() -> None:
    base = read(latency(threshold="100ms"))
    other = read(latency("other", threshold="200ms"), latency(threshold="300ms"))
    assert told(base, other) == ["orders: the threshold was raised from 100 ms to 300 ms"]


def test_a_target_of_everything_that_is_lowered_is_given_up() -> None:
    queries = "measure: queries, route: GET /orders, threshold: 3"
    base, candidate = (
        read(SLO.format(name="q", days=30, target=target, spec=queries)) for target in ("0.9999", "0.999")
    )
    (found,) = loosenings(base, candidate)
    assert found.by == EVERYTHING
    assert found.kind == "queries"


@pytest.mark.parametrize(
    ("op", "value", "looser"), [("lte", 20, True), ("lte", 5, False), ("gte", 5, True), ("gte", 20, False)]
)
def test_a_bound_on_a_query_is_looser_upwards_or_downwards_as_its_op_says(op, value, looser) -> None:
    base, candidate = (read(PROMETHEUS.format(op=op, value=each)) for each in (10, value))
    assert bool(loosenings(base, candidate)) is looser


def gate(spec: str, name: str = "all") -> str:
    return GATE.format(name=name, spec=spec)


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ("tolerance: {relative: 0.1}", "the relative tolerance was raised from 5 % to 10 %"),
        ("tolerance: {absolute: 5ms}", "the absolute tolerance was raised from 2 ms to 5 ms"),
        ("minimumSamples: 5000", "the number of samples that an objective needs was raised from 100 to 5000"),
    ],
)
def test_a_gate_that_asks_for_less_is_loosened_even_against_the_defaults(spec, what) -> None:
    assert told(read(latency()), read(latency(), gate(spec))) == [f"gate of every profile: {what}"]
    assert told(read(latency(), gate(spec)), read(latency())) == []


def test_a_gate_of_a_profile_of_its_own_cannot_hide_a_tolerance() -> None:
    base = read(latency(), gate("tolerance: {relative: 0.02}"))
    candidate = read(
        latency(), gate("tolerance: {relative: 0.02}"), gate("profile: load, tolerance: {relative: 0.5}", "own")
    )
    assert told(base, candidate) == ["gate of profile load: the relative tolerance was raised from 2 % to 50 %"]


def test_a_brake_that_is_taken_off_or_weakened_is_loosened() -> None:
    base = read(latency(), gate("abort: {errorRatio: 0.2, for: 10s}"))
    assert told(base, read(latency())) == ["gate of every profile: nothing ends a load that fails any more"]
    weaker = read(latency(), gate("abort: {errorRatio: 0.4, for: 10s}"))
    assert told(base, weaker) == [
        "gate of every profile: the share of failures that ends a load was raised from 20 % to 40 %"
    ]


files = st.builds(
    lambda parts: read(*(latency(f"o{n}", *part) for n, part in enumerate(parts))),
    st.lists(
        st.tuples(
            st.sampled_from(["GET /a", "GET /b"]),
            st.sampled_from(["100ms", "200ms", "300ms"]),
            st.sampled_from(["0.9", "0.95", "0.99"]),
            st.sampled_from([7, 30]),
        ),
        min_size=1,
        max_size=4,
    ),
)


@given(files, files)
def test_between_two_files_something_is_loosened_exactly_if_some_load_could_pass_only_the_second(base, candidate):
    def asked(file, route, threshold, target, days):
        return any(
            s.measure.route == route
            and s.measure.threshold <= Decimal(threshold)
            and s.target >= Decimal(target)
            and s.period_days >= days
            for s in file.slos
        )

    points = itertools.product(("GET /a", "GET /b"), ("0.1", "0.2", "0.3"), ("0.9", "0.95", "0.99"), (7, 30))
    lost = any(asked(base, *point) and not asked(candidate, *point) for point in points)
    assert bool(loosenings(base, candidate)) == lost
