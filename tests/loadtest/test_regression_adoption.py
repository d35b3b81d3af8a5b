"""Whether to adopt a candidate is a rule of the objectives, decided by a comparison with its statistics."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from tailgate_loadtest.judge.regression.adoption import adoption
from tailgate_loadtest.judge.regression.document import Adoption
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.shapes.sides import Design
from tailgate_slo.model import Decision

from benchmarks.simulated import Change, Machine, Route, Scene, logs
from tests.loadtest.gates import intervals

RULE = Decision(
    quantile=Decimal("0.95"), adopt_below=Decimal("0.5"), adopt_faster=Decimal("0.5"), keep_within=Decimal("0.2")
)
DESIGN = Design(seconds=170, warmup=10, seed=5)
CALM = Machine(drift=0.05, stalls=0.0)


def decided(median: float, slower: float, *, rate: float = 60.0, machine: Machine = CALM) -> Adoption:
    scene = Scene(
        routes={"GET /a": Route(rate=rate, median=median, spread=0.3), "GET /b": Route(rate=rate, median=median / 2)},
        changes=dict.fromkeys(("GET /a", "GET /b"), Change(slower=slower)),
        machine=machine,
    )
    base, candidate = logs(scene, DESIGN, np.random.default_rng(7))
    return adoption(RULE, base, candidate, DESIGN, until=DESIGN.seconds, confidence=0.95)


@pytest.mark.row("A16")
@pytest.mark.parametrize(
    ("median", "slower", "advice"),
    [
        (0.6, 0.3, "adopt"),
        (0.6, 1.05, "keep"),
        (0.6, 0.95, "keep"),
        (2.0, 0.4, "neither"),  # twice as fast, and not below half a second
        (0.2, 0.7, "neither"),  # below half a second, and not twice as fast
        (0.2, 1.5, "neither"),
        (0.6, 0.499, "undecided"),
        (0.2, 0.81, "undecided"),
    ],
)
def test_the_rule_is_held_against_bounds_and_not_against_estimates(median: float, slower: float, advice: str) -> None:
    found = decided(median, slower)
    assert found.advice == advice, found.why
    assert found.ratio == pytest.approx(slower, rel=0.15)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.ratio < found.high


@pytest.mark.row("A16")
def test_a_noisy_machine_makes_it_undecided_and_not_wrong() -> None:
    assert decided(0.6, 1.15, rate=4.0, machine=Machine(drift=0.8, stalls=0.1)).advice == "undecided"


def test_nothing_is_advised_of_nothing() -> None:
    nothing = LatencyLog([])
    found = adoption(RULE, nothing, nothing, DESIGN, until=DESIGN.seconds, confidence=0.95)
    assert (found.advice, found.ratio) == ("undecided", None)
    assert "too few requests" in found.why


def test_it_says_the_rule_and_what_was_measured() -> None:
    why = decided(0.6, 0.3).why
    assert why.startswith("p95 of all requests is ")
    assert why.endswith("adopt below 500 ms and 50 % faster, keep within 20 %")


def test_a_percentile_that_was_never_answered_is_no_number() -> None:
    base, candidate = intervals(DESIGN).values()
    answered = [each for place, each in enumerate(candidate) if place % 3]
    never = [replace(each, kind=Kind.CENSORED) for place, each in enumerate(candidate) if place % 3 == 0]
    logs = LatencyLog(base), LatencyLog([*answered, *never])
    why = adoption(RULE, *logs, DESIGN, until=DESIGN.seconds, confidence=0.95).why
    assert "p95 of all requests is open [open, open]" in why
    assert "inf" not in why
    assert "nan" not in why
