"""Keeps the telling ones of the traces that a service sends during a run.

What is kept is bounded: the slowest requests, a few for every route and reason, and a fair sample of every route's
requests. That one is what means are taken of; of the others nobody knows how many requests each stands for.
"""

import heapq
import itertools
import json
import threading
from collections import Counter
from collections.abc import Collection
from random import Random
from typing import Any

from tailgate_otel import names

from tailgate_loadtest.run.cleaning import cleaned
from tailgate_loadtest.run.spans import SERVER, Json, attribute, duration, root_of, route_of, seconds

SLOWEST = 50
PER_ROUTE_AND_REASON = 20
SAMPLED_PER_ROUTE = 200
SLOWEST_PER_ROUTE = 40
FAIR = "tailgateFair"
"""A field of a kept trace, beside OTLP's own: it is one of the fair sample of its route's."""
_MAX_PARTIAL = 20_000
"""Spans that wait for their server span."""
_MAX_GROUPS = 1000
_MAX_SAMPLED_ROUTES = 100
_DEEPEST = 100
"""Spans within one another."""
_MAX_CALLS = 4000
"""Requests that are part of their caller's trace, as browsers' are; any of them may be wanted in the end."""

_Part = tuple[Json, Json, Json]
"""A resource, a scope and a span."""


class TraceStore:
    """The traces worth a look; each is a whole OTLP JSON document of one request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._partial: dict[tuple[str, str], list[_Part]] = {}
        self._waiting = 0
        self._slowest: list[tuple[float, int, str]] = []
        self._groups: Counter[tuple[str, str]] = Counter()
        self._sampled: dict[str, _Sample] = {}
        self._holders: Counter[str] = Counter()
        self._order = itertools.count()
        self._kept: dict[str, tuple[float, str]] = {}
        self._calls: dict[str, dict[str, tuple[float, str]]] = {}
        self._called = 0
        self._held: frozenset[str] | None = None
        self.received = 0
        self.refused = 0

    def add(self, document: Json) -> None:
        """Take the spans of one export, in OTLP's JSON form."""
        with self._lock:
            try:
                self._sort(document)
            finally:
                # Spans whose server span never comes would pile up.
                while self._waiting > _MAX_PARTIAL:
                    self._take(next(iter(self._partial)))
                    self.refused += 1

    def _sort(self, document: Json) -> None:
        ended: set[tuple[str, str]] = set()
        for resource in document.get("resourceSpans", []):
            # Of a request that goes through several services, each one's part is a request by itself.
            service = json.dumps(resource.get("resource", {}), sort_keys=True)
            for scope in resource.get("scopeSpans", []):
                for span in scope.get("spans", []):
                    part = (span["traceId"], service)
                    spans = self._partial.setdefault(part, [])
                    spans.append((resource.get("resource", {}), scope.get("scope", {}), span))
                    self._waiting += 1
                    if span.get("kind") == SERVER:
                        ended.add(part)
        for part in ended:
            for spans in _requests(self._take(part)):
                self._keep(part[0], spans)

    def hold(self, traces: Collection[str]) -> None:
        """Keep every request of these traces, by the ids that callers gave them, in place of those held before.

        They need not have come yet, but only what comes after the first call can be kept so.
        """
        with self._lock:
            self._held = frozenset(traces)

    def text(self) -> str:
        """What was kept, slowest first, one request a line."""
        with self._lock:
            fair = {key for sample in self._sampled.values() for key in sample.keys}
            held = {key: each for trace in sorted(self._held or ()) for key, each in self._calls.get(trace, {}).items()}
            kept = sorted({**held, **self._kept}.items(), key=lambda each: -each[1][0])
            return "".join(f'{{"{FAIR}":true,{line[1:]}' if key in fair else line for key, (_, line) in kept)

    def _take(self, part: tuple[str, str]) -> list[_Part]:
        spans = self._partial.pop(part)
        self._waiting -= len(spans)
        return spans

    def _keep(self, trace_id: str, spans: list[_Part]) -> None:
        document = _document(spans)
        root = root_of(document)
        key = f"{trace_id}-{root['spanId']}"
        # Sent again: an exporter that had no answer in time does so.
        if key in self._kept or key in self._calls.get(trace_id, {}):
            return
        seconds = duration(document)
        route, reason = route_of(root), attribute(root, names.ATTR_KEPT_REASON)
        self.received += 1
        held, dropped = 0, list[str]()
        entry = (seconds, next(self._order), key)
        if len(self._slowest) < SLOWEST:
            heapq.heappush(self._slowest, entry)
        else:
            dropped.append(heapq.heappushpop(self._slowest, entry)[2])
        held += 1
        group = (route, str(reason))
        in_group = len(self._groups) < _MAX_GROUPS or group in self._groups
        if in_group and self._groups[group] < PER_ROUTE_AND_REASON:
            self._groups[group] += 1
            held += 1
        if is_fair(root) and (route in self._sampled or len(self._sampled) < _MAX_SAMPLED_ROUTES):
            dropped += self._sampled.setdefault(route, _Sample()).add(key, seconds)
            held += 2
        self._holders[key] += held
        for each in dropped:
            self._holders[each] -= 1
            if not self._holders[each]:
                del self._holders[each]
                self._kept.pop(each, None)
        called = self._held is not None and bool(root.get("parentSpanId"))
        if not called and key not in self._holders:
            return
        clean = document if reason is not None else cleaned(document)
        kept = seconds, json.dumps(clean, separators=(",", ":")) + "\n"
        if key in self._holders:
            self._kept[key] = kept
        if called:
            self._call(trace_id, key, kept)

    def _call(self, trace_id: str, key: str, kept: tuple[float, str]) -> None:
        """Have a request of a caller's trace at hand; past the bound, the oldest that is not held goes."""
        self._calls.setdefault(trace_id, {})[key] = kept
        self._called += 1
        while self._called > _MAX_CALLS:
            unheld = (each for each in self._calls if each not in (self._held or ()))
            oldest = next(unheld, None) or next(iter(self._calls))
            self._called -= len(self._calls.pop(oldest))


class _Sample:
    """Of one route's requests so many, each as likely as any other (Vitter, "Random sampling with a reservoir", 1985).

    And beside them the slowest: what a high percentile is made of, a few hundred requests hardly tell.
    """

    def __init__(self) -> None:
        self.keys: list[str] = []
        self._slowest: list[tuple[float, int, str]] = []
        self._seen = 0
        self._random = Random(0)  # noqa: S311 - a sample, no secret

    def add(self, key: str, seconds: float) -> list[str]:
        """Hold a key twice, as one of many and as a slow one; returns the two that are let go of, once there are."""
        self._seen += 1
        let_go = []
        entry = (seconds, self._seen, key)
        if len(self._slowest) < SLOWEST_PER_ROUTE:
            heapq.heappush(self._slowest, entry)
        else:
            let_go.append(heapq.heappushpop(self._slowest, entry)[2])
        if len(self.keys) < SAMPLED_PER_ROUTE:
            self.keys.append(key)
            return let_go
        place = self._random.randrange(self._seen)
        if place < SAMPLED_PER_ROUTE:
            key, self.keys[place] = self.keys[place], key
        return [*let_go, key]


def is_fair(root: Json) -> bool:
    """Whether the request of a server span was traced by chance, however it went on: it may stand for others, then.

    A service that does not say why it keeps a trace decides at its head, as stock instrumentation does.
    """
    reason = attribute(root, names.ATTR_KEPT_REASON)
    return reason is None or (attribute(root, names.ATTR_HEAD_SAMPLED) is True and reason != names.KEPT_FORCED)


def _requests(parts: list[_Part]) -> list[list[_Part]]:
    """The spans of each request: those that a caller has made of one trace, as a browser does, may come together."""
    parents = {span.get("spanId"): span.get("parentSpanId") for *_, span in parts}
    called = [span for *_, span in parts if span.get("kind") == SERVER and span.get("parentSpanId")]
    begun = [span for span in called if span["parentSpanId"] not in parents]
    if len(begun) < 2:
        return [parts]
    groups: dict[Any, list[_Part]] = {span["spanId"]: [] for span in sorted(begun, key=seconds, reverse=True)}
    longest = next(iter(groups.values()))
    for part in parts:
        top = part[2].get("spanId")
        for _ in range(_DEEPEST):
            if top in groups:
                break
            top = parents.get(top)
        # What leads nowhere belongs to any of them.
        groups.get(top, longest).append(part)
    return list(groups.values())


def _document(spans: list[_Part]) -> Json:
    scopes: dict[str, Json] = {}
    for _, scope, span in spans:
        scopes.setdefault(json.dumps(scope, sort_keys=True), {"scope": scope, "spans": []})["spans"].append(span)
    return {"resourceSpans": [{"resource": spans[0][0], "scopeSpans": list(scopes.values())}]}
