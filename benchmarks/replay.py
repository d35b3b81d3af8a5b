"""``python -m benchmarks.replay RATE ROUTES SECONDS LOG``: counts so much load by a simulated clock, into a log.

At the end it prints, as JSON, the resident bytes it held at each simulated minute.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import psutil
from locust.stats import RequestStats
from tailgate_loadtest.engine.stats import StatsFeed
from tailgate_loadtest.measure.hlog import LogWriter
from tailgate_loadtest.measure.ledger import Ledger
from tailgate_loadtest.measure.recorder import Recorder

_POOL = 200_000
"""Times drawn once, and given out in turn."""
_MINUTE = 60
_ONE_IN_FAILS = 100


def main(rate: int, routes: int, seconds: int, log: Path) -> None:
    """Replay, and say what was held."""
    random = np.random.default_rng(1)
    times = random.lognormal(math.log(0.02), 0.7, _POOL).tolist()
    names = [f"GET /route/{n}" for n in range(routes)]
    held = []
    own = psutil.Process()
    recorder = Recorder(warmup=0.0)
    with log.open("w", encoding="ascii") as file:
        writer = LogWriter(file)
        writer.begin(0.0, "Logged by a benchmark")
        ledger = Ledger(writer, StatsFeed(RequestStats()).written)
        given = 0
        for second in range(seconds):
            for n in range(rate):
                service = times[given % _POOL]
                given += 1
                due = second + n / rate
                if given % _ONE_IN_FAILS:
                    recorder.success("Somebody", names[n % routes], due, service + 0.0001, service)
                else:
                    recorder.failure("Somebody", names[n % routes], due, service, "HTTP 500")
            ledger.add(recorder.take())
            ledger.fold(second + 1)
            ledger.fresh()
            ledger.recent()
            if second % _MINUTE == 0:
                held.append((second, own.memory_info().rss))
        ledger.close()
    print(json.dumps(held))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
