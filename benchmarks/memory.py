"""An hour of load: memory stays flat, and the bundle grows with routes and seconds, but not with requests.

The hour is replayed by a simulated clock, as quickly as it goes, through what counts a run's requests: recorder, delta,
ledger, Locust's statistics, log; a process of its own replays it and says each simulated minute how much memory it
holds. Beside it stand two minutes of a real ``tailgate run`` at a high rate.

A second of a route costs the log one line, whose length is bounded by the buckets its times can fall into; so more
requests make it longer only while they still find new buckets. Its goal is the square root of what they are more.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import psutil

from benchmarks.fastserver import serving
from benchmarks.figures import Figure, Raw
from benchmarks.stored import finish

_HOUR = 3600
_SETTLED = 300
"""Simulated seconds after which memory may grow no more."""
_ROUTES = 10
_FLAT = 0.05
_TAILGATE = str(Path(sys.executable).parent / "tailgate")
_REAL_RATE = 1500
_REAL_SECONDS, _REAL_SETTLED = 120, 30
_LOCUSTFILE = """\
from locust import task
from tailgate_loadtest.engine.http import LoadUser


class Person(LoadUser):
    @task
    def ask(self):
        self.client.get("/items?page=1")
"""


def main() -> None:
    """Measure, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=5000, help="simulated requests per second")
    parser.add_argument("--hour", type=int, default=_HOUR, help="simulated seconds")
    parser.add_argument("--seconds", type=int, default=_REAL_SECONDS, help="of the real run")
    options = parser.parse_args()
    raw = Raw("memory", rate=options.rate, hour=options.hour, seconds=options.seconds)
    hour = raw.measured("hour", partial(_replayed, options.rate, _ROUTES, options.hour))
    real = raw.measured("real", partial(_real, options.seconds))
    sizes = {}
    for rate, routes, seconds in ((500, 1, 20), (5_000, 1, 20), (50_000, 1, 20), (5_000, 10, 20), (5_000, 1, 40)):
        one = raw.measured(f"{rate} {routes} {seconds}", partial(_replayed, rate * routes, routes, seconds))
        sizes[rate, routes, seconds] = one["log"]
    for title, found in (("replayed MB", hour["held"][::5]), ("real MB", real["held"][::10])):
        print(f"{'second':>8}{title:>14}")
        print(*(f"{second:8.0f}{held / 1e6:14.1f}" for second, held in found), "", sep="\n")
    print(f"{'a second':>10}{'routes':>8}{'seconds':>9}{'log bytes':>11}")
    for (rate, routes, seconds), size in sizes.items():
        print(f"{rate * routes:10,}{routes:8}{seconds:9}{size:11,}")
    one = sizes[5_000, 1, 20]
    figures = [
        _growth("memory.hour.growth", hour["held"], min(_SETTLED, options.hour // 2)),
        _growth("memory.run.growth", real["held"], min(_REAL_SETTLED, options.seconds // 2)),
        _times("memory.log.times_at_100_times_the_requests", sizes[50_000, 1, 20] / sizes[500, 1, 20], 10.0),
        _times("memory.log.times_at_10_times_the_routes", sizes[5_000, 10, 20] / one, 10.5),
        _times("memory.log.times_at_2_times_the_seconds", sizes[5_000, 1, 40] / one, 2.1),
    ]
    finish(raw, figures)


def _growth(name: str, held: list[tuple[float, int]], settled: float) -> Figure:
    """The most that is ever held after a moment, against what was held then."""
    since = [amount for second, amount in held if second >= settled]
    shares = [amount / since[0] - 1 for amount in since]
    return Figure(name=name, value=max(shares), low=min(shares), high=max(shares), goal=_FLAT)


def _times(name: str, value: float, goal: float) -> Figure:
    return Figure(name=name, value=value, low=value, high=value, goal=goal)


def _replayed(rate: int, routes: int, seconds: int) -> dict[str, object]:
    """What a process of its own held each simulated minute, and how long the log became."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "latency.hlog"
        done = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-m", "benchmarks.replay", str(rate), str(routes), str(seconds), str(log)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return {"held": json.loads(done.stdout), "log": log.stat().st_size}


def _real(seconds: int) -> dict[str, object]:
    """What the process that puts the load on held each second of a real run."""
    held = []
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        (directory / "locustfile.py").write_text(_LOCUSTFILE, encoding="utf-8")
        (directory / "steady.yaml").write_text(
            f"stages: [{{duration: {seconds}s, rate: {_REAL_RATE}}}]\nusers: 200\n", encoding="utf-8"
        )
        with serving(1, directory) as server:
            process = psutil.Popen(
                [_TAILGATE, "run", "-f", "locustfile.py", "-H", server.url, "--profile", "steady.yaml"],
                cwd=directory,
                stdout=subprocess.DEVNULL,
            )
            while not server.told()[0]:
                if process.poll() is not None:
                    raise SystemExit("the run ended before it had sent anything")
                time.sleep(0.05)
            began = time.monotonic()
            (engine,) = process.children()
            while (second := time.monotonic() - began) < seconds - 1:
                held.append((second, engine.memory_info().rss))
                time.sleep(1)
            process.wait()
    return {"held": held}


if __name__ == "__main__":
    main()
