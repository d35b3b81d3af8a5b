"""Every request that has a reason has its whole trace; every query is counted.

Requests of all kinds come mixed, twenty at a time: plain, slow over their objective, answered 500, raised, refused by
the database, an N+1 in a loop and in a gather, over budget, a slow stream, a stream that breaks off. Each is sent with
the ids of a caller's span, which has not decided to keep it; so who sent it finds its trace, and knows what must be in
it: one server span below the caller's, and below that a span for each query that the page makes.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tailgate_otel import names

from benchmarks.figures import Figure, Raw
from benchmarks.instrumented import shop
from benchmarks.instrumented.observer import by_route, receiving, scrape, spans
from benchmarks.instrumented.server import serving
from benchmarks.instrumented.shop import Page
from benchmarks.instrumented.sides import LEAN
from benchmarks.instrumented.stand import Stand

_AT_ONCE = 20
_TIMEOUT = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request: what was asked for, and the ids that it was sent with."""

    page: Page
    key: int
    trace: bytes
    caller: bytes

    @property
    def traceparent(self) -> str:
        """The header; its last part says that the caller keeps no trace."""
        return f"00-{self.trace.hex()}-{self.caller.hex()}-00"


def measure(raw: Raw, stand: Stand, requests: int) -> list[Figure]:
    """Measure, print the table, and return the figures."""
    found = raw.measured("complete", partial(_asked, stand, requests))
    print(f"\n{'':12}{'asked':>8}{'traces':>8}{'missing':>9}{'queries':>9}{'counted':>9}")
    for name, one in found["pages"].items():
        print(
            f"{name:12}{one['asked']:8,}{one['traces']:8,}{one['missing']:9,}{one['queries']:9,}{one['counted']:9,.0f}"
        )
    pages = found["pages"].values()
    missing = sum(one["missing"] for one in pages)
    miscounted = sum(abs(one["queries"] - one["counted"]) for one in pages)
    return [
        _exact("instrumentation.traces_missing", missing),
        _exact("instrumentation.queries_miscounted", miscounted),
    ]


def _exact(name: str, value: float) -> Figure:
    return Figure(name=name, value=value, low=value, high=value, goal=0)


def mixed(count: int, chance: random.Random) -> list[Asked]:
    """So many requests, of every page as many, in an order by lot."""
    pages = [shop.PAGES[n % len(shop.PAGES)] for n in range(count)]
    chance.shuffle(pages)
    return [
        Asked(page=page, key=chance.randint(1, shop.ROWS), trace=os.urandom(16), caller=os.urandom(8)) for page in pages
    ]


def whole(asked: Asked, trace: Sequence[Span]) -> bool:
    """Whether these spans are the server's, below the caller's, and one below it for each query."""
    servers = [span for span in trace if span.kind == Span.SPAN_KIND_SERVER]
    if len(servers) != 1 or servers[0].parent_span_id != asked.caller:
        return False
    counted = [one.value.int_value for one in servers[0].attributes if one.key == names.ATTR_QUERIES]
    below = sum(span.kind == Span.SPAN_KIND_CLIENT and span.parent_span_id == servers[0].span_id for span in trace)
    return counted == [asked.page.queries] and below == asked.page.queries


def _asked(stand: Stand, count: int) -> dict[str, Any]:
    todo = mixed(count, random.Random(1))
    database = stand.database
    with receiving() as receiver, serving(LEAN, database, receiver.endpoint) as server:
        receiver.messages = []
        asyncio.run(_ask(todo, server.port))
        server.flush()
        if server.metrics_port is None:
            raise RuntimeError("the lean side serves no metrics")
        counted = by_route(scrape(server.metrics_port), f"{names.QUERIES_PER_REQUEST}_sum")
    traces: dict[bytes, list[Span]] = {}
    for message in receiver.messages:
        for span in spans(message):
            traces.setdefault(span.trace_id, []).append(span)
    return {"pages": _table(todo, traces, counted)}


def _table(
    todo: Sequence[Asked], traces: Mapping[bytes, Sequence[Span]], counted: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    asked = Counter(one.page for one in todo)
    kept = Counter(one.page for one in todo if one.trace in traces)
    missing = Counter(one.page for one in todo if one.page.kept and not whole(one, traces.get(one.trace, ())))
    return {
        page.name: {
            "asked": asked[page],
            "traces": kept[page],
            "missing": missing[page],
            "queries": asked[page] * page.queries,
            "counted": counted.get(page.route, 0),
        }
        for page in shop.PAGES
    }


async def _ask(todo: Sequence[Asked], port: int) -> None:
    following = iter(todo)
    # Uvicorn closes a connection on which something was raised: the next request on it might never be seen.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=_TIMEOUT, limits=limits) as client:

        async def worker() -> None:
            for one in following:
                try:
                    await client.get(one.page.path(one.key), headers={names.HEADER_TRACEPARENT: one.traceparent})
                except httpx.RemoteProtocolError:
                    if one.page.name != "breaks-off":
                        raise

        await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))
