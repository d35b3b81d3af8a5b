"""What tuning brought: queries before and after it, and each data layer by itself and through the whole API.

``queries``: the same six statements over the schema before tuning and after it, by the service's own role, under its
row-level security, without a round trip. A round's ratio is of the two times taken in it, one after the other.
``layers``: the P95 of the tuned variants over an emulated round trip, against half a second, and how many times as long
that of ``sequential`` is than that of ``parallel``, through the API.
"""

import argparse
import math
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

from tailgate_service.measure import document, layers, queries
from tailgate_service.measure.layers import CALLS, LIMIT, WAYS, Way
from tailgate_service.measure.times import SHARE, Times, times
from tailgate_service.settings import VARIANTS, Variant

from benchmarks.figures import Figure, Raw, of_rounds
from benchmarks.stored import finish

TIMES = 2000 / 926
"""P95 before tuning over P95 after it: what came of the least slow of the queries that requirement A5 speaks of."""


def main() -> None:
    """Measure, print the tables and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="queries, layers; both without any")
    parser.add_argument("--rounds", type=int, default=15, help="of the queries")
    parser.add_argument("--calls", type=int, default=75, help="of each kind, to each layer, either way")
    parser.add_argument("--rtt", type=float, default=0.1, help="seconds of round trip before the layers' database")
    options = parser.parse_args()
    measures: dict[str, Callable[[Raw], list[Figure]]] = {
        "queries": partial(_queries, rounds=options.rounds),
        "layers": partial(_layers, calls=options.calls, rtt=options.rtt),
    }
    chosen = [part for part in measures if part in options.parts or not options.parts]
    if strange := sorted(set(options.parts) - set(measures)):
        parser.error(f"there is no part {strange[0]!r}; there are {', '.join(measures)}")
    raw = Raw("database", **{**vars(options), "parts": "+".join(chosen)})
    figures = [figure for part in chosen for figure in measures[part](raw)]
    finish(raw, figures)


def _queries(raw: Raw, *, rounds: int) -> list[Figure]:
    found = raw.measured("queries", partial(_compared, rounds))
    goals = {query.name: query.goal for query in queries.QUERIES}
    figures = []
    print(f"{'query':20}{'workspace':>12}{'rows':>7}{'before ms':>12}{'after ms':>11}{'ratio':>10}")
    for each in found:
        ratios = [before / after for before, after in zip(each["before"], each["after"], strict=True)]
        before, after = (statistics.median(each[side]) * 1e3 for side in ("before", "after"))
        if each["rows"][0] != each["rows"][1]:
            raise SystemExit(f"{each['query']}: {each['rows'][0]} rows before tuning, {each['rows'][1]} after it")
        named = "named" if each["named"] else "by policy"
        print(f"{each['query']:20}{named:>12}{each['rows'][0]:7}{before:12.3f}{after:11.3f}{before / after:10.1f}")
        if not each["named"]:
            name = f"database.queries.{each['query'].replace(' ', '_')}.ratio"
            figures.append(of_rounds(name, ratios, goals[each["query"]], ">="))
    print()
    return figures


def _compared(rounds: int) -> list[dict[str, Any]]:
    return [
        {"query": each.query.name, "named": each.named, "rows": each.rows, "before": each.before, "after": each.after}
        for each in queries.compare(rounds)
    ]


def _layers(raw: Raw, *, calls: int, rtt: float) -> list[Figure]:
    took: dict[tuple[str, str, str], Times] = {}
    columns = "".join(f"{name + ' ms':>10}" for name in document.PERCENTILES)
    print(f"{'variant':12}{'way':8}{'call':15}{columns}")
    for variant in VARIANTS:
        found = raw.measured(variant, partial(_layer, variant, calls, rtt))
        for each in found["measured"]:
            one = took[variant, each["way"], each["call"]] = times(each["seconds"])
            shown = "".join(f"{one.percentile(share) * 1e3:10.1f}" for share in document.PERCENTILES.values())
            print(f"{variant:12}{each['way']:8}{each['call']:15}{shown}")
        print(f"{variant:12}the round trip was {found['rtt'] * 1e3:.2f} ms")
    print()
    within = [_within(key, one) for key, one in took.items() if key[0] != "sequential"]
    return [*within, *(_beside(call, took["sequential", "api", call], took["parallel", "api", call]) for call in CALLS)]


def _layer(variant: Variant, calls: int, rtt: float) -> dict[str, Any]:
    # Of the untuned one nothing is promised but how many times as slow it is.
    ways: tuple[Way, ...] = ("api",) if variant == "sequential" else WAYS
    found, trip = layers.measure(variant, calls=calls, db_rtt=rtt, ways=ways)
    measured = [{"way": each.way, "call": each.call, "seconds": each.times.seconds} for each in found]
    return {"measured": measured, "rtt": trip}


def _within(key: tuple[str, str, str], took: Times) -> Figure:
    low, high = took.interval(SHARE)
    return Figure(
        name=f"database.layers.{_name(*key)}.p95_ms",
        value=took.percentile(SHARE) * 1e3,
        low=low * 1e3,
        high=high * 1e3,
        goal=LIMIT * 1e3,
    )


def _beside(call: str, slow: Times, fast: Times) -> Figure:
    """How many times as long the P95 is without tuning, and what both percentiles' intervals leave of that."""
    (least, most), (quickest, slowest) = slow.interval(SHARE), fast.interval(SHARE)
    return Figure(
        name=f"database.layers.{_name('parallel', 'api', call)}.times_sequential",
        value=slow.percentile(SHARE) / fast.percentile(SHARE),
        low=least / slowest,
        high=most / quickest if quickest else math.inf,
        goal=TIMES,
        sense=">=",
    )


def _name(variant: str, way: str, call: str) -> str:
    return f"{variant}.{way}.{call.replace('-', '_')}"


if __name__ == "__main__":
    main()
