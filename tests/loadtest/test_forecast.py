"""What a run can decide, said before it."""

import pytest
from tailgate_loadtest.judge.forecast import forecast, samples_per_route, unrehearsed
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


def test_a_persona_that_could_not_be_rehearsed_leaves_open_what_others_do_not_decide():
    rehearsal = {**REHEARSAL, "Odd": {"weight": 1.0, "requests": None}}
    assert unrehearsed(profile(), rehearsal) == ("Odd",)
    assert samples_per_route(profile(), rehearsal) == {"GET /a": 280, "GET /b": 160}
    assert unrehearsed(profile(mix={"Caller": 1.0}), rehearsal) == ()
    assert samples_per_route(profile(mix={"Caller": 1.0}), rehearsal) == {"GET /a": 400}
    known = objectives(
        ("a", "measure: latency, route: GET /a, threshold: 1s", "0.95"),
        ("odd", "measure: latency, route: GET /odd, threshold: 1s", "0.95"),
    )
    told = forecast(known, known.gate("x"), {"GET /a": 280}, ("Odd",))
    assert [(each.samples, each.decidable) for each in told] == [(280, True), (None, None)]
    assert told[1].note == "what Odd will ask for is not known before the run"


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


def test_how_much_comes_over_a_stream_is_the_servers_to_say():
    known = objectives(
        ("prompt", "measure: latency, route: SSE /live delivery, threshold: 1s", "0.95"),
        ("queries", "measure: queries, route: GET /live, threshold: 4", "0.99"),
    )
    [prompt, queries] = forecast(known, known.gate("x"), {"SSE /live connect": 350})
    assert (prompt.decidable, prompt.note) == (None, "what comes over a stream is the server's to say")
    assert (queries.samples, queries.decidable) == (350, True)


@pytest.mark.parametrize("name", ["smoke", "load", "stress", "spike", "soak", "breakpoint"])
def test_every_profile_of_ours_is_forecast(name):
    assert samples_per_route(find(name), REHEARSAL)
