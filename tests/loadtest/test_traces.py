"""Of the traces that come in the telling ones are kept, and no more than there is room for."""

import pytest
from tailgate_loadtest.run import traces
from tailgate_loadtest.run.spans import CLIENT, attribute, duration, root_of, spans_of
from tailgate_loadtest.run.traces import (
    FAIR,
    PER_ROUTE_AND_REASON,
    SAMPLED_PER_ROUTE,
    SLOWEST,
    SLOWEST_PER_ROUTE,
    TraceStore,
)
from tailgate_otel import names

from tests.loadtest.exports import of_spans, request_of, written


def test_spans_of_one_request_that_come_apart_are_put_together(tmp_path):
    store = TraceStore()
    whole = request_of(1, children=3)
    *queries, root = whole["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for span in queries:
        store.add(of_spans([span]))
    assert written(store) == []
    store.add(of_spans([root]))
    assert written(store) == [whole]


def test_a_request_that_is_sent_again_is_kept_once(tmp_path):
    store = TraceStore()
    for _ in range(3):
        for number in range(SLOWEST + 30):
            store.add(request_of(number, 0.1 + number / 1000))
    assert store.received == SLOWEST + 30 + 2 * 10  # ten were dropped, and are new each time they come
    assert len({root_of(d)["spanId"] for d in written(store)}) == len(written(store))


def test_the_slowest_are_kept_and_a_few_of_every_route_and_reason(tmp_path):
    store = TraceStore()
    for number in range(500):
        store.add(request_of(number, seconds=(number * 7919 % 500) / 1000 + 0.001, route="/busy", reason="sample"))
    for number in range(500, 530):
        store.add(request_of(number, seconds=0.0001, route="/rare", reason="n_plus_one"))
    documents = written(store)
    assert [duration(d) for d in documents] == sorted((duration(d) for d in documents), reverse=True)
    assert [duration(d) for d in documents[:SLOWEST]] == pytest.approx([(500 - n) / 1000 for n in range(SLOWEST)])
    rare = [d for d in documents if duration(d) < 0.001]
    assert len(rare) == PER_ROUTE_AND_REASON
    assert len(documents) <= SLOWEST + 2 * PER_ROUTE_AND_REASON
    assert len(store._kept) == len(documents)


def chosen(number: int, seconds: float, route: str = "/a", reason: str | None = "sample", sampled: bool = True) -> dict:
    """A request as the recorder keeps one of its steady sample, or as stock instrumentation does, without a reason."""
    document = request_of(number, seconds, route, reason or "")
    root = root_of(document)
    if reason is None:
        del root["attributes"][1]
    else:
        root["attributes"].append({"key": names.ATTR_HEAD_SAMPLED, "value": {"boolValue": sampled}})
    return document


@pytest.mark.parametrize("reason", ["sample", None])
def test_of_every_route_a_fair_sample_is_kept_and_marked(reason):
    store = TraceStore()
    routes = ("/a", "/b")
    for number in range(4000):
        # The later, the faster: whoever took the first ones, or the slowest, would be far off.
        store.add(chosen(number, seconds=(4000 - number) / 4000, route=routes[number % 2], reason=reason))
    for route in routes:
        mine = [d for d in written(store) if attribute(root_of(d), names.ATTR_ROUTE) == route]
        fair = [duration(document) for document in mine if document.get(FAIR)]
        assert len(fair) == SAMPLED_PER_ROUTE
        assert sum(fair) / len(fair) == pytest.approx(0.5, abs=0.1)
        slowest = sorted((duration(document) for document in mine), reverse=True)[:SLOWEST_PER_ROUTE]
        assert slowest[-1] >= 1 - 2 * SLOWEST_PER_ROUTE / 4000
        assert len(mine) <= SAMPLED_PER_ROUTE + SLOWEST_PER_ROUTE + SLOWEST + PER_ROUTE_AND_REASON
    assert len(store._kept) == len(written(store)) == len(store._holders)


def test_what_was_kept_for_a_reason_is_fair_only_if_chance_had_chosen_it():
    store = TraceStore()
    store.add(chosen(1, 0.1, reason="slow", sampled=False))
    store.add(chosen(2, 0.2, reason="slow", sampled=True))
    store.add(chosen(3, 0.3, reason="forced", sampled=True))
    assert [document.get(FAIR, False) for document in written(store)] == [False, True, False]


def test_a_foreign_services_spans_are_cleaned_and_our_own_are_clean():
    store = TraceStore()
    for number, reason in ((1, None), (2, "sample")):
        document = chosen(number, 0.1, reason=reason)
        root_of(document)["status"] = {"code": 2, "message": "no"}
        store.add(document)
    ours, foreign = sorted(written(store), key=lambda d: root_of(d)["traceId"], reverse=True)
    assert root_of(ours)["status"] == {"code": 2, "message": "no"}
    assert root_of(foreign)["status"] == {"code": 2}


def test_foreign_routes_without_end_are_bounded(monkeypatch):
    monkeypatch.setattr(traces, "_MAX_SAMPLED_ROUTES", 3)
    monkeypatch.setattr(traces, "_MAX_GROUPS", 3)
    store = TraceStore()
    for number in range(500):
        store.add(chosen(number, 0.1, route=f"/{number}", reason=None))
    assert len(store._sampled) == len(store._groups) == 3
    assert len(written(store)) <= SLOWEST + 3


def test_the_memory_of_requests_that_never_end_is_bounded(monkeypatch):
    monkeypatch.setattr(traces, "_MAX_PARTIAL", 1000)
    store = TraceStore()
    for number in range(300):
        spans = [{"traceId": f"{number}", "spanId": f"{n}", "kind": CLIENT} for n in range(20)]
        store.add(of_spans(spans))
    endless = [{"traceId": "same", "spanId": f"{n}", "kind": CLIENT} for n in range(1500)]
    store.add(of_spans(endless))
    with pytest.raises(KeyError):
        store.add(of_spans([*endless[:1200], {"spanId": "no trace"}]))
    assert sum(len(spans) for spans in store._partial.values()) <= 1000
    store.add(request_of(1))
    assert store.received == 1


def test_a_service_that_calls_itself_is_one_request(tmp_path):
    store = TraceStore()
    outer, inner = request_of(1, 0.5), request_of(1, 0.2, route="/inner")
    inner_span = inner["resourceSpans"][0]["scopeSpans"][0]["spans"][-1]
    inner_span["spanId"] = "f" * 16
    outer["resourceSpans"][0]["scopeSpans"][0]["spans"].insert(0, inner_span)
    store.add(outer)
    (document,) = written(store)
    assert duration(document) == 0.5


def test_what_another_service_did_for_a_request_does_not_take_its_spans(tmp_path):
    store = TraceStore()
    *queries, front = request_of(1, 0.5)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    behind = {**front, "spanId": "f" * 16, "parentSpanId": front["spanId"]}
    elsewhere = of_spans([behind])
    elsewhere["resourceSpans"][0]["resource"] = {"attributes": []}
    store.add(of_spans(queries))
    store.add(elsewhere)  # it ends first, and its process exports when it likes
    store.add(of_spans([front]))
    assert sorted(len(list(spans_of(document))) for document in written(store)) == [1, 1 + len(queries)]


def called(trace: int, number: int, seconds: float = 0.1, **more: str) -> dict:
    """A request of a caller's trace, which is that of others too."""
    whole = request_of(number, seconds, **more)
    for span in spans_of(whole):
        span["traceId"] = f"{trace:032x}"
    root_of(whole)["parentSpanId"] = "c" * 16
    return whole


def joined(*requests: dict) -> dict:
    """Several requests in one export."""
    return of_spans([span for request in requests for span in spans_of(request)])


def test_requests_that_a_caller_makes_of_one_trace_stay_apart_though_they_come_together():
    store = TraceStore()
    panels = [called(1, number, number / 10, route=f"/panel/{number}", children=2) for number in (1, 2, 3)]
    store.add(joined(*panels))
    documents = written(store)
    assert [root_of(document)["name"] for document in documents] == ["GET /panel/3", "GET /panel/2", "GET /panel/1"]
    for document in documents:
        root = root_of(document)
        assert [span.get("parentSpanId") for span in spans_of(document)] == [root["spanId"]] * 2 + ["c" * 16]


def test_of_held_traces_every_request_is_kept_whatever_its_route_and_reason():
    store = TraceStore()
    store.hold(())
    for visit in range(1, 101):
        for panel in range(4):
            store.add(called(visit, 10 * visit + panel, 0.001, reason="slow"))
    for number in range(5000, 5000 + SLOWEST):
        store.add(request_of(number, 1.0))
    assert len([d for d in written(store) if duration(d) < 1]) == PER_ROUTE_AND_REASON
    store.hold([f"{70:032x}", f"{71:032x}"])
    quick = [root_of(d)["traceId"] for d in written(store) if duration(d) < 1]
    assert quick.count(f"{70:032x}") == quick.count(f"{71:032x}") == 4
    store.hold([f"{72:032x}"])
    assert f"{70:032x}" not in store.text()


def test_a_held_trace_may_come_later_and_be_sent_twice():
    store = TraceStore()
    store.hold([f"{1:032x}"])
    for _ in range(2):
        store.add(called(1, 7))
    assert store.received == 1
    assert len(written(store)) == 1


def test_the_memory_of_callers_traces_is_bounded_and_held_ones_go_last(monkeypatch):
    monkeypatch.setattr(traces, "_MAX_CALLS", 10)
    store = TraceStore()
    store.hold([f"{1:032x}"])
    for visit in range(1, 40):
        store.add(called(visit, visit))
    assert store._called == sum(map(len, store._calls.values())) == 10
    assert f"{1:032x}" in store._calls
    assert f"{2:032x}" not in store._calls


def test_where_nothing_is_held_callers_traces_are_as_any():
    store = TraceStore()
    store.add(called(1, 1))
    assert store._calls == {}
    assert len(written(store)) == 1
