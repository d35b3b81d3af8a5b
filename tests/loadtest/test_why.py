"""Why a route got worse, in words: how many more queries, which, and what the time went to."""

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.regression.why.causes import causes
from tailgate_loadtest.judge.regression.why.comparable import LEAST
from tailgate_loadtest.judge.regression.why.evidence import Evidence
from tailgate_loadtest.judge.regression.why.spent import Request, Work
from tailgate_loadtest.measure.split import PARTS
from tailgate_loadtest.run.document import Parts, Splits

APPLICATION, POOL = Work("application"), Work("pool")
MESSAGES = Work("database", "select m.id, m.body, m.sent_at from messages m where m.conversation_id = $1")
CONTACT = Work("database", "select name, phone, email from contacts where id = $1")
SAID_MESSAGES = "`select ... from messages m where m.conversation_id = $1`"
SAID_CONTACT = "`select ... from contacts where id = $1` at parallel.py:88"


def traced(*, times: int = 1, fair: bool = True, comparable: bool = True, **milliseconds: float) -> Request:
    """A request that spent so long; its query for a contact ran ``times``."""
    works = {"messages": MESSAGES, "contact": CONTACT, "application": APPLICATION, "pool": POOL}
    works |= {"render": Work("application", "render"), "billing": Work("call", "GET to billing")}
    spent = {works[name]: value / 1000 for name, value in milliseconds.items()}
    return Request(
        route="GET /a",
        path="/a",
        method="GET",
        at=0.0,
        seconds=sum(spent.values()),
        failed=False,
        fair=fair,
        comparable=comparable,
        spent=spent,
        ran={work: times if work == CONTACT else 1 for work in spent if work.kind == "database"},
        sites={CONTACT: "parallel.py:88"},
        repeated=CONTACT if times >= 5 else None,
        errors={},
    )


def many(count: int = 30, **given: Any) -> tuple[Request, ...]:
    """As many requests, each a little unlike the others."""
    random = Random(len(given))
    numbers = {name: value for name, value in given.items() if type(value) is float}
    rest = {name: value for name, value in given.items() if name not in numbers}
    return tuple(
        traced(**{name: value * random.uniform(0.98, 1.02) for name, value in numbers.items()}, **rest)
        for _ in range(count)
    )


def parts(told: int = 20, **milliseconds: float) -> Parts:
    spent = {name: milliseconds.get(name, 0.0) / 1000 for name in PARTS}
    return Parts(requests=20, told=told, **spent)


def side(split: Parts | None = None, traces: Iterable[Request] = (), **more: Any) -> Evidence:
    splits = None if split is None else Splits(p50=split, p95=split, p99=split)
    return Evidence(**{"requests": 1000, "errors": {}, "splits": splits, "traces": tuple(traces), **more})


BASE = side(
    parts(database=20, pool=1, application=5, network=1), many(messages=15.0, contact=5.0, pool=1.0, application=5.0)
)


def test_more_queries_are_named_with_the_place_they_come_from():
    base = side(BASE.splits and BASE.splits.p95, BASE.traces, queries=5.0)
    worse = many(messages=15.0, contact=20.0, pool=1.0, application=5.0, times=6)
    candidate = side(parts(database=35, pool=1, application=5, network=1), worse, queries=10.0)
    assert causes("p95", base, candidate) == (
        f"5 more queries a request (5 → 10), all {SAID_CONTACT} (N+1)",
        f"of +15 ms at p95: database +15 ms, of which {SAID_CONTACT} (N+1) +15 ms",
    )


def test_the_time_of_a_percentile_is_given_to_its_parts_the_largest_first():
    worse = many(messages=50.0, contact=5.0, pool=4.0, application=6.0)
    candidate = side(parts(database=55, pool=4, application=6, network=1), worse)
    assert causes("p95", BASE, candidate) == (
        f"of +39 ms at p95: database +35 ms, of which {SAID_MESSAGES} +35 ms; pool wait +3.0 ms; application +1.0 ms",
    )


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("pool", "pool wait"),
        ("network", "network"),
        ("user", "waiting for a user"),
        ("connection", "connecting"),
        ("lag", "generator lag"),
    ],
)
def test_each_part_has_its_name(part, said):
    split = {"database": 20, "pool": 1, "application": 5, "network": 1}
    candidate = side(parts(**{**split, part: split.get(part, 0) + 30}))
    assert causes("p95", BASE, candidate) == (f"of +30 ms at p95: {said} +30 ms",)


def test_spans_and_calls_within_the_application_are_named():
    worse = many(messages=15.0, contact=5.0, pool=1.0, application=5.0, render=20.0, billing=12.0)
    candidate = side(parts(database=20, pool=1, application=37, network=1), worse)
    assert causes("p95", BASE, candidate) == (
        "of +32 ms at p95: application +32 ms, of which `render` +20 ms, `GET to billing` +12 ms",
    )


def test_a_difference_that_is_not_known_well_says_how_well():
    uneven = [traced(messages=each) for each in (70.0, 100.0, 70.0, 100.0, 70.0)]
    (said,) = causes("p50", BASE, side(parts(database=83, pool=1, application=1, network=1), uneven))
    assert f"of which {SAID_MESSAGES} +67 ± 15 ms;" in said


def test_what_got_faster_meanwhile_is_said_too():
    candidate = side(parts(database=60, pool=1, application=1, network=1), many(messages=55.0, contact=5.0))
    (said,) = causes("p95", BASE, candidate)
    assert "database +40 ms" in said
    assert said.endswith("application −4.0 ms")


def test_where_too_few_requests_were_as_long_it_is_said_so():
    candidate = side(parts(database=90, pool=1, application=5, network=1), many(2, messages=85.0, contact=5.0))
    (said,) = causes("p95", BASE, candidate)
    lacking = "there are 20 and 2 traces of requests as long as p95, and 5 of each are needed"
    assert said.endswith(f"; what that is made of is not known: {lacking}")


def test_where_too_few_were_as_long_the_average_may_tell():
    candidate = side(parts(database=90, pool=1, application=5, network=1), many(messages=30.0, contact=5.0))
    (said,) = causes("p95", BASE, candidate)
    assert said.endswith(f"; on average over 30 and 30 traces, {SAID_MESSAGES} +15 ms")


def test_without_traces_more_queries_are_counted_all_the_same():
    split = BASE.splits and BASE.splits.p95
    said, _ = causes("p50", side(split, queries=2.0), side(split, queries=5.0))
    lacking = "there are 0 and 0 traces taken by chance, and 5 of each are needed"
    assert said == f"3 more queries a request (2 → 5); which is not known: {lacking}"


def test_more_queries_come_after_what_they_cannot_have_done():
    base = side(BASE.splits and BASE.splits.p95, queries=2.0)
    slow_way = side(parts(database=21, pool=1, application=5, network=40), queries=3.0)
    time, queries = causes("p95", base, slow_way)
    assert time == "of +40 ms at p95: network +39 ms; database +1.0 ms"
    assert queries.startswith("1 more query a request (2 → 3)")


def test_a_hundredth_of_a_query_more_is_the_mix_of_requests_and_no_cause():
    split = BASE.splits and BASE.splits.p95
    assert len(causes("p50", side(split, queries=1.10), side(split, queries=1.15))) == 1
    assert len(causes("p50", side(split, queries=40.0), side(split, queries=40.5))) == 1


def test_fewer_queries_are_no_cause():
    split = BASE.splits and BASE.splits.p95
    assert len(causes("p50", side(split, queries=5.0), side(split, queries=2.0))) == 1


def test_statements_that_share_the_increase_are_listed():
    base = side(traces=many(messages=5.0), queries=1.0)
    candidate = side(traces=many(messages=5.0, contact=3.0, times=2), queries=3.5)
    assert causes("p50", base, candidate)[0] == (f"2.5 more queries a request (1 → 3.5): {SAID_CONTACT} +2")


def test_of_a_service_that_sends_traces_alone_those_are_believed():
    waited = [parts(told=0, wait=wait, receive=1.0) for wait in (30.0, 70.0)]
    base, worse = many(40, messages=15.0, application=5.0), many(40, messages=50.0, application=5.0)
    (said,) = causes("p95", side(waited[0], base), side(waited[1], (*worse, traced(times=9, contact=1.0))))
    assert said.startswith("of +40 ms at p95 (by 20 and 20 traces, ± ")
    assert f": database +35 ms, of which {SAID_MESSAGES} +35 ms; outside of its spans +" in said


def test_of_a_service_that_tells_nothing_the_clients_steps_are_all():
    base, candidate = (side(parts(told=0, wait=wait, receive=2.0)) for wait in (30.0, 70.0))
    (said,) = causes("p95", base, candidate)
    assert said.startswith(
        "of +40 ms at p95: waiting for the answer +40 ms; what the service did meanwhile is not known:"
    )
    assert said.endswith(
        " is not known: Server-Timing would tell, or OpenTelemetry's traces: `tailgate ab` tells its commands where to"
        " send them, and containers and addresses may send them where `service: traces` of tailgate.yaml says"
    )


def test_where_nothing_is_known_it_is_said_and_what_would_tell():
    (said,) = causes("p95", side(), side())
    assert said.startswith("where the time went is not known: its client timed no steps;")
    assert "would tell" in said


def test_a_side_that_tells_and_one_that_does_not_are_compared_by_the_clients_steps():
    candidate = side(parts(told=0, wait=67.0))
    (said,) = causes("p95", BASE, candidate)
    assert said.startswith("of +40 ms at p95: waiting for the answer +40 ms; what the service did")


def test_that_the_whole_load_saw_no_slowdown_is_said():
    (said,) = causes("p95", BASE, BASE)
    assert said.startswith("over all of the load p95 moved by +0.00 ms")


def test_traces_kept_for_being_slow_do_not_change_how_often_a_statement_is_said_to_run():
    slow = many(100, messages=80.0, contact=40.0, times=9, fair=False)
    base = side(traces=many(messages=8.0, contact=2.0), queries=2.0)
    (said, _) = causes("p50", base, side(traces=(*many(messages=8.0, contact=2.0), *slow), queries=2.3))
    assert said == "0.3 more queries a request (2 → 2.3); which, 30 and 30 traces do not tell"


def test_traces_kept_for_what_they_did_are_not_taken_for_others():
    odd = many(50, messages=15.0, contact=5.0, application=50.0, pool=1.0, fair=False, comparable=False)
    candidate = side(parts(database=20, pool=1, application=50, network=1), odd)
    (said,) = causes("p95", BASE, candidate)
    assert "there are 20 and 0 traces of requests as long as p95" in said


def test_failures_are_told_by_how_and_where():
    failed = Request(**{**_fields(traced(messages=5.0)), "failed": True, "errors": {MESSAGES: "57014"}})
    base = side(errors={"HTTP 404": 10})
    candidate = side(errors={"HTTP 404": 10, "HTTP 503": 42}, traces=[failed] * 3)
    assert causes("failures", base, candidate) == (
        "HTTP 503: 0.00% → 4.20% of the requests",
        f"{SAID_MESSAGES} failed with 57014 in 3 of 3 traces of failed requests",
    )
    assert "not known" in causes("failures", base, base)[0]


def _fields(request: Request) -> dict[str, Any]:
    return {name: getattr(request, name) for name in Request.__dataclass_fields__}


shares = st.floats(0, 0.2, allow_nan=False)
requests = st.builds(traced, messages=shares, contact=shares, pool=shares, times=st.integers(1, 9), fair=st.booleans())
evidences = st.builds(
    side,
    st.none() | st.builds(parts, told=st.sampled_from([0, 20]), database=shares, wait=shares, pool=shares),
    st.lists(requests, max_size=LEAST + 3),
    queries=st.none() | st.floats(0, 1e6),
    requests=st.integers(0, 5),
    errors=st.dictionaries(st.text(max_size=3), st.integers(1, 5), max_size=3),
)


@given(st.sampled_from(["p50", "p95", "p99", "failures"]), evidences, evidences)
def test_whatever_is_known_is_said_in_lines_without_nonsense(measure, base, candidate):
    said = causes(measure, base, candidate)
    assert said
    for each in said:
        assert each
        assert len(each.splitlines()) == 1
        assert "nan" not in each
        assert "inf" not in each
