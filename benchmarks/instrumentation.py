"""What it costs to see everything, and whether everything is seen: one application, bare and watched in several ways.

``cpu``: processor time per request of an ordinary FastAPI and asyncpg application that makes 1, 4 or 20 queries, over
that of the bare one: with the lean recorder at 0, 1 and 100 % of the traces kept and exported, with the standard
recorder, and with the stock instrumentation. ``latency``: its p99 at half load, over the bare one's. ``complete``: of
requests of all kinds, no trace that should be kept is missing. ``memory``: millions of requests in one process.

Servers have one core, and the database, the client and the receiver of traces another. Each part can be run by itself.
"""

import argparse
from collections.abc import Callable
from functools import partial

from benchmarks.figures import Figure, Raw
from benchmarks.instrumented import complete, cpu, latency, memory
from benchmarks.instrumented.stand import Stand
from benchmarks.stored import finish


def main() -> None:
    """Measure, print the tables and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("cpu", "latency", "complete", "memory")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(parts)}; all without any")
    parser.add_argument("--rounds", type=int, default=12, help="of the cpu part")
    parser.add_argument("--turn", type=float, default=1.0, help="how long a turn of the cpu part is, in usual ones")
    parser.add_argument("--minutes", type=float, default=6.0, help="of the latency part")
    parser.add_argument("--mixed", type=int, default=10_000, help="requests of the complete part")
    parser.add_argument("--replayed", type=int, default=5_000_000, help="requests of the memory part")
    options = parser.parse_args()
    chosen = [part for part in parts if part in options.parts or not options.parts]
    if strange := sorted(set(options.parts) - set(parts)):
        parser.error(f"there is no part {strange[0]!r}; there are {', '.join(parts)}")
    raw = Raw("instrumentation", **{**vars(options), "parts": "+".join(chosen)})
    measures: dict[str, Callable[[Stand], list[Figure]]] = {
        "cpu": partial(cpu.measure, raw, rounds=options.rounds, scale=options.turn),
        "latency": partial(latency.measure, raw, minutes=options.minutes),
        "complete": partial(complete.measure, raw, requests=options.mixed),
        "memory": partial(memory.measure, raw, requests=options.replayed),
    }
    figures = []
    for part in chosen:
        with Stand() as stand:
            figures += measures[part](stand)
    finish(raw, figures)


if __name__ == "__main__":
    main()
