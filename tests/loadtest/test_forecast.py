"""What a run can decide, said before it."""

import pytest
from tailgate_loadtest.judge.forecast import forecast, samples_per_route
from tailgate_loadtest.shapes.profile import Profile, Stage, find

from tests.loadtest.conftest import objectives

REHEARSAL = {
    "Caller": {"weight": 3.0, "requests": {"GET /a": 1.0}},
    "Inbox": {"weight": 1.0, "requests": {"GET /a": 0.5, "GET /b": 2.0}},
}


def profile(**more) -> Profile:
    return Profile(name="x", stages=(Stage(duration=10, start=40, end=40),), **more)


def test_samples_follow_from_the_rate_the_mix_and_what_each_arrival_asks_for():
    assert samples_per_route(profile(), REHEARSAL) == {"GET /a": 350, "GET /b": 200}
    assert samples_per_route(profile(mix={"Inbox": 1.0}), REHEARSAL) == {"GET /a": 200, "GET /b": 800}
    assert samples_per_route(profile(warmup=100), REHEARSAL) == {"GET /a": 350, "GET /b": 200}


def test_a_persona_that_could_not_be_rehearsed_leaves_it_open():
    unknown = {**REHEARSAL, "Odd": {"weight": 1.0, "requests": None}}
    assert samples_per_route(profile(), unknown) is None
    assert samples_per_route(profile(mix={"Caller": 1.0}), unknown) == {"GET /a": 400}


def test_each_objective_is_told_whether_it_can_be_decided():
    known = objectives(
        ("p95", "measure: latency, route: GET /a, threshold: 1s", "0.95"),
        ("p999", "measure: latency, route: GET /a, threshold: 1s", "0.999"),
        ("up", "measure: availability", "0.99"),
        ("queries", "measure: queries, route: GET /b, threshold: 4", "0.99"),
        ("typo", "measure: latency, route: GET /aa, threshold: 1s", "0.9"),
        ("lcp", "measure: vital, vital: lcp, threshold: 2s", "0.75"),
    )
    gate = known.gate("x")
    told = {f.slo.name: (f.samples, f.needed, f.decidable) for f in forecast(known, gate, {"GET /a": 350, "GET /b": 2})}
    assert told == {
        "p95": (350, 100, True),  # 59 would do; the gate asks for a hundred
        "p999": (350, 2995, False),
        "up": (352, 299, True),
        "queries": (2, 1, True),
        "typo": (0, 100, False),
    }
    typo = forecast(known, gate, {"GET /a": 350})[-1]
    assert typo.note == "no persona requests this route; did you mean GET /a?"
    assert {f.decidable for f in forecast(known, gate, None)} == {None}


@pytest.mark.parametrize("name", ["smoke", "load", "stress", "spike", "soak", "breakpoint"])
def test_every_profile_of_ours_is_forecast(name):
    assert samples_per_route(find(name), REHEARSAL)
