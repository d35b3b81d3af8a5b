"""Variant ``readmodel`` beside ``sequential``: the same seed, round trip, rate and callers, writes going on beside.

Who calls, and for what, is in ``callers.py``. Every key has been shown once before anything is measured. A ratio that
came of waiting for connections or processors would be none: both are measured, and bounded.

Staleness is measured over two processes of one database: a message is sent by way of the one, and from its commit, half
a round trip before its answer, it is asked for at the other, again and again, until that shows it.
"""

import argparse
import asyncio
import json
import math
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from tailgate_otel import names
from tailgate_service.process import Child
from tailgate_service.seed.config import SeedConfig
from tailgate_service.settings import Variant
from tailgate_service.stack import SERVICE, Stack, StackConfig, start

from benchmarks.callers import ROUTES, Callers, Contact, Requests, contacts, load
from benchmarks.figures import Raw, of_rounds
from benchmarks.stored import finish

RATIO, P95, P99 = 25.4, 0.037, 0.250
POOL_WAIT, CPU = 0.05, 0.70
LATE = 0.050
"""Seconds beyond a round trip after which every process shows what one has written."""

_WARM = 5.0
_READY_WITHIN = 120.0
_POLL = 0.002
_BETWEEN = 0.05


class Page:
    """A service's metrics page, as it stood."""

    def __init__(self, url: str) -> None:
        lines = (line.rsplit(" ", 1) for line in httpx.get(url).text.splitlines() if not line.startswith("#"))
        self._values = {name: float(value) for name, value in lines}

    def since(self, before: "Page", name: str, *labels: str) -> float:
        """By how much the samples of a name that bear all of ``labels`` have grown together."""
        return sum(
            value - before._values.get(sample, 0.0)
            for sample, value in self._values.items()
            if sample.split("{", 1)[0] == name and all(label in sample for label in labels)
        )

    def quantile(self, before: "Page", name: str, q: float) -> float:
        """The upper edge of the bucket in which a histogram's quantile lies, of what was counted since."""
        total = self.since(before, f"{name}_count")
        edges = {
            sample.split('le="')[1].split('"')[0] for sample in self._values if sample.startswith(f"{name}_bucket")
        }
        for edge in sorted(edges, key=float):
            if self.since(before, f"{name}_bucket", f'le="{edge}"') >= q * total:
                return float(edge)
        return math.inf


def quantile(times: Sequence[float], q: float) -> float:
    """By nearest rank."""
    ordered = sorted(times)
    return ordered[max(math.ceil(q * len(ordered)) - 1, 0)]


@contextmanager
def stack(variant: Variant, rtt: float) -> Iterator[tuple[Stack, dict[str, Any]]]:
    """The embedded stack at a distance from its database, and its targets."""
    with tempfile.TemporaryDirectory() as place:
        config = StackConfig(variant=variant, db_rtt=rtt, seed=SeedConfig(), targets=Path(place) / "targets.json")
        with start(config) as running:
            yield running, json.loads(running.targets.read_text())


def loaded(variant: Variant, rtt: float, rate: float, seconds: float, seed: int) -> dict[str, float]:
    """One variant under the load."""
    everybody = contacts(SeedConfig())
    with stack(variant, rtt) as (running, targets):

        async def measure() -> dict[str, float]:
            async with _client(running.url) as client:
                requests, callers = Requests(client, targets), Callers(everybody, seed)
                await requests.show_keys()
                await load(requests, callers, rate, _WARM)
                before, began = Page(running.metrics_url), time.perf_counter()
                times = await load(requests, callers, rate, seconds)
                page, spent = Page(running.metrics_url), time.perf_counter() - began
            queries = [
                page.since(before, f"{names.QUERIES_PER_REQUEST}_{part}", f'{names.LABEL_ROUTE}="{route}"')
                for part in ("sum", "count")
                for route in ROUTES.values()
            ]
            return {
                "requests": len(times),
                "p50": quantile(times, 0.50),
                "p95": quantile(times, 0.95),
                "p99": quantile(times, 0.99),
                "pool_wait_p95": page.quantile(before, names.DB_POOL_WAIT, 0.95),
                "cpu": page.since(before, "process_cpu_seconds_total") / spent,
                "queries": sum(queries[:2]) / sum(queries[2:]),
                "rtt": running.facts["db_rtt"]["measured"],
            }

        return asyncio.run(measure())


def staleness(rtt: float, sends: int, rate: float, seed: int) -> dict[str, Any]:
    """How long after its commit another process shows a message, in seconds, and how often the writer's own did not."""
    everybody = contacts(SeedConfig())
    with stack("readmodel", rtt) as (running, targets), _another(running, targets) as other:

        async def measure() -> dict[str, Any]:
            async with _client(running.url) as here, _client(other.ready["url"]) as there:
                writer, reader = Requests(here, targets), Requests(there, targets)
                await writer.show_keys()
                await reader.show_keys()
                beside = asyncio.create_task(load(writer, Callers(everybody, seed), rate, sends * 10 * rtt))
                late, missed, callers = [], 0, Callers(everybody, seed + 1)
                for _ in range(sends):
                    caller = callers()
                    sent = (await writer.ask("send", caller)).json()["id"]
                    committed = time.perf_counter() - rtt / 2
                    own = asyncio.create_task(_shows(writer, caller, sent))
                    while not await _shows(reader, caller, sent):  # noqa: ASYNC110 - it is asked to be seen late
                        await asyncio.sleep(_POLL)
                    late.append(time.perf_counter() - committed)
                    missed += not await own
                    await asyncio.sleep(_BETWEEN)
                beside.cancel()
            return {"late": late, "missed": missed}

        return asyncio.run(measure())


async def _shows(requests: Requests, caller: Contact, message: str) -> bool:
    card = (await requests.ask("card", caller)).json()
    return any(one["id"] == message for one in card["messages"])


@contextmanager
def _another(running: Stack, targets: dict[str, Any]) -> Iterator[Child]:
    """Another process of the service over the same database, at the same distance."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TAILGATE_", "OTEL_", "PG"))}
    environ |= {
        names.ENV_DATABASE_URL: running.dsn,
        names.ENV_VARIANT: "readmodel",
        names.ENV_WEBHOOK_SECRET: targets["webhook"]["secret"],
        names.ENV_WEBHOOK_VERIFY_TOKEN: targets["webhook"]["verify_token"],
        names.ENV_METRICS_PORT: "0",
    }
    log = running.targets.with_name("another.log")
    with Child(SERVICE, [], environ=environ, log=log, within=_READY_WITHIN) as child:
        yield child


def _client(url: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    return httpx.AsyncClient(base_url=url, timeout=30, limits=limits)


def main() -> None:
    """Measure, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--rate", type=float, default=8.0, help="arrivals a second, of both variants")
    parser.add_argument("--seconds", type=float, default=60.0, help="of load, of each variant in each round")
    parser.add_argument("--rtt", type=float, default=0.1, help="seconds between service and database, there and back")
    parser.add_argument("--sends", type=int, default=200, help="whose staleness is measured in each round")
    options = parser.parse_args()
    raw = Raw("readmodel", **vars(options))
    variants: tuple[Variant, Variant] = ("sequential", "readmodel")
    print(f"{'':>16}{'requests':>10}{'p50 ms':>9}{'p95':>9}{'p99':>9}{'pool wait':>11}{'cpu':>7}{'queries':>9}")
    rounds, late = [], []
    for index in range(options.rounds):
        one = {}
        for variant in variants:
            measure = partial(loaded, variant, options.rtt, options.rate, options.seconds, index)
            one[variant] = found = raw.measured(f"{variant} {index}", measure)
            shown = "".join(f"{found[name] * 1e3:9.1f}" for name in ("p50", "p95", "p99"))
            print(
                f"{index:3} {variant:>12}{found['requests']:10}{shown}{found['pool_wait_p95'] * 1e3:11.1f}"
                f"{found['cpu']:7.0%}{found['queries']:9.2f}",
                flush=True,
            )
        rounds.append(one)
        late.append(raw.measured(f"late {index}", partial(staleness, options.rtt, options.sends, options.rate, index)))
        print(f"{index:3} {'others late':>12}{quantile(late[-1]['late'], 0.99) * 1e3:10.1f} ms at p99", flush=True)
    slow, fast = ([one[variant] for one in rounds] for variant in variants)
    ratios = [before["p95"] / after["p95"] for before, after in zip(slow, fast, strict=True)]
    waits = [one["pool_wait_p95"] / one["p95"] for one in slow]
    busiest = [max(one[variant]["cpu"] for variant in variants) for one in rounds]
    stale = [quantile(one["late"], 0.99) * 1e3 for one in late]
    figures = [
        of_rounds("readmodel.p95_ratio", ratios, RATIO, ">="),
        of_rounds("readmodel.p95_ms", [one["p95"] * 1e3 for one in fast], P95 * 1e3),
        of_rounds("readmodel.p99_ms", [one["p99"] * 1e3 for one in fast], P99 * 1e3),
        of_rounds("readmodel.queries_per_read", [one["queries"] for one in fast], 1.0),
        of_rounds("readmodel.sequential_queries_per_read", [one["queries"] for one in slow], 4.0, ">="),
        of_rounds("readmodel.sequential_pool_wait_share", waits, POOL_WAIT),
        of_rounds("readmodel.cpu_share", busiest, CPU),
        of_rounds("readmodel.staleness_p99_ms", stale, (options.rtt + LATE) * 1e3),
        of_rounds("readmodel.unread_own_writes", [float(one["missed"]) for one in late], 0.0),
    ]
    finish(raw, figures)


if __name__ == "__main__":
    main()
