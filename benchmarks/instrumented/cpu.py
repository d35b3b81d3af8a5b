"""What a request costs the server's process, of every side beside the bare one.

All servers run at once on one core and are asked in turns, in an order by lot: a round is a second or two of each, so a
machine that changes its pace does so for all. Each round has new ones. What counts is the processor time of the
server's whole process, from before the first request until the traces of the last have been exported.

A scrape falls due every five seconds, and a turn is shorter. So each turn is followed by one, and bears the share of
its cost that its seconds are of five.
"""

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from functools import partial

from benchmarks.figures import Figure, Raw, interval, of_rounds
from benchmarks.instrumented.load import closed, connected
from benchmarks.instrumented.observer import SCRAPE_EVERY, scrape
from benchmarks.instrumented.sides import BARE, LEAN, Side, present
from benchmarks.instrumented.stand import CONNECTIONS, Stand, requests

REQUESTS = {1: 3000, 4: 2000, 20: 600}
"""Of each turn, by the queries that each makes."""
GOAL = 1.10
_GOAL_AT = 4

Turn = Mapping[str, float]
"""``cpu`` and ``scrape``, processor seconds; ``seconds``; ``requests``; ``traces`` that arrived."""


def per_request(turn: Turn) -> float:
    """Processor seconds of a request, with its part in the scrapes."""
    return (turn["cpu"] + turn["scrape"] * turn["seconds"] / SCRAPE_EVERY) / turn["requests"]


def measure(raw: Raw, stand: Stand, rounds: int, scale: float) -> list[Figure]:
    """Measure, print the table, and return the figures."""
    sides = present()
    found: dict[tuple[int, str], list[Turn]] = {(queries, side.name): [] for queries in REQUESTS for side in sides}
    for number in range(rounds):
        one = raw.measured(f"cpu {number}", partial(_round, stand, sides, scale))
        for queries, side in found:
            found[queries, side].append(one[f"{queries} {side}"])
        print(f"cpu: {number + 1} of {rounds} rounds", flush=True)
    _print(found)
    return [of_rounds("instrumentation.cpu_at_4_queries.times_bare", _ratios(found, _GOAL_AT, LEAN.name), GOAL)]


def _ratios(found: Mapping[tuple[int, str], Sequence[Turn]], queries: int, side: str) -> list[float]:
    both = zip(found[queries, side], found[queries, BARE.name], strict=True)
    return [per_request(ours) / per_request(bare) for ours, bare in both]


def _print(found: Mapping[tuple[int, str], Sequence[Turn]]) -> None:
    print(f"\n{'queries':>7}  {'':16}{'cpu us':>9}{'x bare':>9}{'95 %':>18}{'per s':>9}{'busy':>7}{'exported':>10}")
    for (queries, side), turns in found.items():
        ratios = _ratios(found, queries, side)
        low, high = interval(ratios)
        cost = statistics.median(map(per_request, turns))
        rate = statistics.median(turn["requests"] / turn["seconds"] for turn in turns)
        busy = statistics.median(turn["cpu"] / turn["seconds"] for turn in turns)
        exported = sum(turn["traces"] for turn in turns) / sum(turn["requests"] for turn in turns)
        bounds = f"[{low:.3f}, {high:.3f}]"
        print(
            f"{queries:7}  {side:16}{1e6 * cost:9.0f}{statistics.median(ratios):9.3f}{bounds:>18}"
            f"{rate:9,.0f}{busy:7.0%}{exported:10.1%}"
        )


def _round(stand: Stand, sides: Sequence[Side], scale: float) -> dict[str, Turn]:
    stand.renew()
    for side in sides:
        stand.server(side)  # all are there before the first is measured
    turns = [(queries, side) for queries in REQUESTS for side in random.sample(sides, len(sides))]
    return {f"{queries} {side.name}": _turn(stand, side, queries, scale) for queries, side in turns}


def _turn(stand: Stand, side: Side, queries: int, scale: float) -> Turn:
    server, asked, count = stand.server(side), requests(queries), round(scale * REQUESTS[queries])
    with connected(server.port, CONNECTIONS) as connections:
        closed(connections, asked, 10 * CONNECTIONS)
        server.flush()
        traces, cpu, began = stand.observer.traces(), server.cpu(), time.perf_counter()
        closed(connections, asked, count)
        seconds = time.perf_counter() - began
        server.flush()
        ended = server.cpu()
        if server.metrics_port is not None:
            scrape(server.metrics_port)
        scraped = server.cpu() - ended
    stand.check(side)
    return {
        "requests": count,
        "cpu": ended - cpu,
        "scrape": scraped,
        "seconds": seconds,
        "traces": stand.observer.traces() - traces,
    }
