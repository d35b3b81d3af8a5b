"""Millions of requests in one process leave no more behind than the first few.

What a recorder keeps has a bound, and all bounds are reached soon; the process that replays the requests tells its
resident memory now and then. The figure is the most that it ever held later, over what it held then.
"""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from tailgate_otel import names

from benchmarks.figures import Figure, Raw
from benchmarks.instrumented.replay import SAID_EVERY
from benchmarks.instrumented.stand import Stand

GOAL = 1.05
_WARM = 250_000
"""Requests after which memory may grow no more: rare buckets of rare routes have got their exemplars by then."""
_SHOWN = 20

Held = list[tuple[int, int]]
"""Requests until then, and resident bytes."""


def measure(raw: Raw, stand: Stand, requests: int) -> list[Figure]:
    """Measure, print the table, and return the figures."""
    held = raw.measured("memory", partial(_replayed, stand, requests))
    print(f"\n{'requests':>10}{'MB':>9}")
    step = max(1, len(held) // _SHOWN)
    print(*(f"{done:10,}{size / 1e6:9.1f}" for done, size in held[step - 1 :: step]), sep="\n")
    return [growth(held, min(_WARM, requests // 2))]


def growth(held: Held, warm: int) -> Figure:
    """The most that is held after so many requests, over what was held then; the bounds are of all since."""
    since = [size for done, size in held if done >= warm]
    times = [size / since[0] for size in since]
    return Figure(
        name="instrumentation.memory.times_warm", value=max(times), low=min(times), high=max(times), goal=GOAL
    )


def _replayed(stand: Stand, requests: int) -> Held:
    held: Held = []
    process = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "benchmarks.instrumented.replay", str(requests), stand.observer.endpoint],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, names.ENV_DATABASE_URL: stand.database},
    )
    with process:
        try:
            for line in process.stdout or ():
                done, size = json.loads(line)
                held.append((done, size))
                if done % (10 * SAID_EVERY) == 0:
                    print(f"memory: {done:,} of {requests:,} requests, {size / 1e6:.1f} MB", flush=True)
        finally:
            process.terminate()
    if not held or held[-1][0] != requests:
        raise SystemExit("the replay ended before its time")
    return held
