"""Exports of spans as a service sends them, and what a store has written of them."""

import json

from tailgate_loadtest.run.spans import CLIENT, SERVER
from tailgate_loadtest.run.traces import TraceStore
from tailgate_otel import names

ROUTE = {"key": names.ATTR_ROUTE, "value": {"stringValue": "/a"}}


def request_of(number: int, seconds: float = 0.1, route: str = "/a", reason: str = "slow", children: int = 1) -> dict:
    """One export of one request: a server span and queries within it."""
    trace = f"{number:032x}"
    root = {
        "traceId": trace,
        "spanId": f"{number:016x}",
        "kind": SERVER,
        "name": f"GET {route}",
        "startTimeUnixNano": "1000000000",
        "endTimeUnixNano": str(1_000_000_000 + round(seconds * 1e9)),
        "attributes": [
            {"key": names.ATTR_ROUTE, "value": {"stringValue": route}},
            {"key": names.ATTR_KEPT_REASON, "value": {"stringValue": reason}},
        ],
    }
    queries = [
        {"traceId": trace, "spanId": f"{n + 1:08x}{number:08x}", "parentSpanId": root["spanId"], "kind": CLIENT}
        for n in range(children)
    ]
    return of_spans([*queries, root])


def of_spans(spans: list) -> dict:
    scope = {"scope": {"name": "test"}, "spans": spans}
    return {"resourceSpans": [{"resource": {"attributes": [ROUTE]}, "scopeSpans": [scope]}]}


def written(store: TraceStore) -> list[dict]:
    return [json.loads(line) for line in store.text().splitlines()]
