"""How much a machine may disturb its generator: how it is written, and what becomes of what is tolerated."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.engine.diagnosis import assess
from tailgate_loadtest.shapes.tolerance import Tolerance, tolerance_of

from tests.loadtest.conftest import carry_out, plan_of, steady
from tests.loadtest.test_diagnosis import lags, reading

LIMITS = ("late", "stalled", "waited", "throttled", "steal", "shared")


def test_nothing_given_leaves_the_usual_limits():
    assert tolerance_of([]) == Tolerance()
    assert Tolerance().moved == {}


@given(st.dictionaries(st.sampled_from(LIMITS), st.integers(0, 100)))
def test_each_limit_may_be_moved_by_itself(shares):
    moved = tolerance_of(f"{limit}={share}%" for limit, share in shares.items())
    usual = Tolerance()
    for limit in LIMITS:
        assert getattr(moved, limit) == (shares[limit] / 100 if limit in shares else getattr(usual, limit))
    assert Tolerance(**moved.moved) == moved


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steel=30%", "did you mean steal?"),
        ("moon=1%", "there are late, stalled, waited, throttled, steal, shared"),
        ("steal", "is no share; write one from 0% to 100%, such as steal=30%"),
        ("steal=0.3", "is no share"),
        ("steal=101%", "is no share"),
        ("steal=-1%", "is no share"),
    ],
)
def test_what_is_no_limit_is_refused_with_what_would_be(text, says):
    with pytest.raises(ValueError, match=r"is no share|no limit is called") as refused:
        tolerance_of([text])
    assert repr(text) in str(refused.value)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("limit", "changes"),
    [
        ("late", {"lag": lags(500, 100)}),
        ("stalled", {"stalled": 3.0}),
        ("waited", {"waited": 45.0}),
        ("throttled", {"throttled": 30.0}),
        ("steal", {"steal": 0.2}),
        ("shared", {"target_here": True, "machine_busy": 0.99, "cpu": 54.0, "machine_cores": 2}),
    ],
)
def test_what_is_tolerated_is_no_reason_and_is_told(limit, changes):
    strict, wide = assess([reading(**changes)]), assess([reading(**changes)], Tolerance(**{limit: 1.0}))
    assert len(strict["reasons"]) == 1
    assert strict["tolerated"] == []
    assert wide["reasons"] == []
    (told,) = wide["tolerated"]
    assert strict["reasons"][0].startswith(told)


def test_a_limit_may_be_narrower_than_the_usual_one():
    found = assess([reading(steal=0.08)], Tolerance(steal=0.02))
    assert len(found["reasons"]) == 1
    assert found["tolerated"] == []


def test_what_is_not_tolerated_still_has_the_cure():
    found = assess([reading(stalled=3.0, lag=lags(500, 100), steal=0.2)], Tolerance(late=0.5))
    assert [reason.split("(limit")[0].split()[-1] for reason in found["reasons"]] == ["time", "others"]
    assert "--tolerate stalled=SHARE" in found["reasons"][0]
    assert "begun more than 50 ms late" in found["tolerated"][0]


def test_the_engine_is_told_and_the_run_keeps_what_was_moved(api, tmp_path):
    text = """
        import time

        from locust import FastHttpUser, task

        class Blocking(FastHttpUser):
            @task
            def look(self):
                self.client.get("/fast")
                end = time.monotonic() + 0.2
                while time.monotonic() < end:
                    pass
        """
    plan = plan_of(tmp_path, api.url, text, steady(4, 3), tolerance=Tolerance(late=1.0, stalled=1.0, waited=0.99))
    bundle = carry_out(plan)
    document = bundle.read_run()
    assert document.plan.tolerance == {"late": 1.0, "stalled": 1.0, "waited": 0.99}
    assert any("stood still, or was blocked by a task" in told for told in document.generator.tolerated)
    assert not any("stood still" in reason for reason in document.generator.reasons)
    assert any(warning.startswith("tolerated: the engine stood still") for warning in document.warnings)
    assert json.loads((bundle.path / "run.json").read_text())["plan"]["tolerance"]["stalled"] == 1.0
