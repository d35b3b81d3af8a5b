"""A scrape beside an event loop: how long the loop stands still while its own process's metrics are read.

The page is full: every route there may be, four statuses each, all histograms, an exemplar in each series. The loop's
heart beats every millisecond; a beat is as late as the loop was kept from it. Whoever scrapes is a process of its own,
and stands by without scraping in the rounds that show what the machine itself does to the loop.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import CollectorRegistry
from tailgate_otel import Config
from tailgate_otel.guard import Guard
from tailgate_otel.meters import MAX_ROUTES, Meters
from tailgate_otel.scrape import serve

from benchmarks.figures import Raw, of_rounds
from benchmarks.stored import finish

_BEAT = 0.001
_STALL = 5.0
_STATUSES = ("200", "404", "422", "500")
_SCRAPER = """\
import http.client, sys, time
port, scrapes = map(int, sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(abs(scrapes)):
    time.sleep(0.05)
    if scrapes > 0:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        connection.getresponse().read()
"""


def main() -> None:
    """Measure, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--scrapes", type=int, default=10, help="in each round")
    options = parser.parse_args()
    raw = Raw("scrape", rounds=options.rounds, scrapes=options.scrapes)
    meters = full()
    print(f"{'round':>6}{'idle worst ms':>15}{'p99':>7}{'scraped worst ms':>18}{'p99':>7}")
    worst = []
    for index in range(options.rounds):
        idle = raw.measured(f"idle {index}", partial(_measured, meters, -options.scrapes))
        scraped = raw.measured(f"scraped {index}", partial(_measured, meters, options.scrapes))
        worst.append(scraped["worst"])
        print(f"{index:6}{idle['worst']:15.2f}{idle['p99']:7.2f}{scraped['worst']:18.2f}{scraped['p99']:7.2f}")
    cost = raw.measured("cost", partial(_cost, meters))
    print("", *(f"{name:>24}: {spent:8.1f} ms of processor time" for name, spent in cost.items()), sep="\n")
    finish(raw, [of_rounds("scrape.stall_ms", worst, _STALL)])


def full() -> Meters:
    """Meters that have seen all that they tell apart."""
    meters = Meters(Config(service_name="shop"), Guard())
    for number in range(MAX_ROUTES):
        route = meters.route(f"/api/v1/things/{number}/{{id}}")
        for status in _STATUSES:
            meters.requests.observe(("GET", route, status), 20_000_000)
            meters.requests.exemplify(("GET", route, status), 20_000_000, "0af7651916cd43dd8448eb211c80319c")
        meters.queries.observe(("GET", route), 3)
        meters.db_time.observe(("GET", route), 3_000_000)
    return meters


def _measured(meters: Meters, scrapes: int) -> dict[str, float]:
    return asyncio.run(_round(meters, scrapes))


async def _round(meters: Meters, scrapes: int) -> dict[str, float]:
    """How late the loop's beats were while the page was scraped so often; not at all where that is negative."""
    server = serve(Config(service_name="shop", metrics_port=0), meters, [ProcessCollector(registry=None)])
    scraper = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SCRAPER, str(server.port), str(scrapes),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert scraper.stdin is not None
    assert scraper.stdout is not None
    await scraper.stdout.readline()
    scraper.stdin.write(b"\n")
    ended = asyncio.create_task(scraper.wait())
    late = []
    while not ended.done():
        due = time.perf_counter() + _BEAT
        await asyncio.sleep(_BEAT)
        late.append((time.perf_counter() - due) * 1e3)
    server.close()
    return {"worst": max(late), "p99": statistics.quantiles(late, n=100)[-1]}


def _cost(meters: Meters) -> dict[str, float]:
    """What writing the page once costs, and what it would by the encoders of ``prometheus_client``."""
    text = "".join(meters.text(openmetrics=True)) + "# EOF\n"
    registry = CollectorRegistry(auto_describe=False)
    families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    registry.register(type("Known", (), {"collect": lambda _: families})())
    ways: dict[str, Callable[[], object]] = {
        "this page": lambda: "".join(meters.text(openmetrics=True)),
        "prometheus_client": lambda: generate_openmetrics(registry),  # type: ignore[no-untyped-call]
        "the same, plain text": lambda: generate_latest(registry),
    }
    return {name: min(_timed(way) for _ in range(5)) for name, way in ways.items()}


def _timed(way: Callable[[], object]) -> float:
    began = time.thread_time()
    way()
    return (time.thread_time() - began) * 1e3


if __name__ == "__main__":
    main()
