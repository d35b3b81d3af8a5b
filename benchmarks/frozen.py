"""A server freezes for 6 s under arrivals at a fixed rate: what a run says of it is what theory says.

Theory. Requests are due at a rate ``a``; the server answers them in turn, one in ``s`` seconds, so ``m = 1/s`` a
second; it freezes for ``F`` seconds. A request due ``t`` seconds after the freeze began has ``a t`` before it that the
freeze held up. They begin to be answered at ``F``, and are done ``a t / m`` later; so its own answer comes at
``F + a t / m + s``, which is ``F - t (1 - a/m) + s`` after it was due. That falls evenly from ``F + s`` to ``s``, where
the backlog is drained, ``F / (1 - a/m)`` after the freeze began. Over ``L`` seconds of load, a share ``p`` of the
requests therefore takes longer than ``F - p L (1 - a/m) + s``, for any ``p`` less than the share that was held up.

With the pool held at 8 users, the other arrivals wait for one in Tailgate and not in the server. Its response times
say so, while service times are those of a server that is not frozen, but for 8 requests.

Requests hung past the end have no time at all. 5 % of them make it certain that the 99th percentile is missed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.figures import Raw, of_rounds
from benchmarks.frozenserver import freezing
from benchmarks.stored import finish

_FREEZE = 6.0
_LENGTH = 60
_RATE = 50
_TAKES = 0.01
_QUANTILES = {"p90": 0.10, "p95": 0.05, "p99": 0.01}
_FEW = 8
_FROZEN_FROM = 10.0
_HUNG_LENGTH = 20
_ONE_IN = 20

_TAILGATE = str(Path(sys.executable).parent / "tailgate")
_LOCUSTFILE = """\
from locust import task
from tailgate_loadtest.engine.http import LoadUser


class Person(LoadUser):
    @task
    def ask(self):
        self.client.get("/items")
"""
_PROFILE = """\
arrivals: constant
stages: [{{duration: {seconds}s, rate: {rate}}}]
users: {users}
"""
_OBJECTIVE = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: items}
spec:
  service: shop
  indicator:
    metadata: {name: items}
    spec:
      thresholdMetric:
        metricSource: {type: tailgate, spec: {measure: latency, route: GET /items, threshold: 500ms}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"""


def theory(share: float) -> float:
    """The response time, in seconds, that such a share of the requests exceeds."""
    return _FREEZE - share * _LENGTH * (1 - _RATE * _TAKES) + _TAKES


def main() -> None:
    """Measure, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    raw = Raw("frozen", rounds=options.rounds)
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "frozen": _frozen,
        "few": partial(_few, _FREEZE),
        "few, unfrozen": partial(_few, 0.0),
        "hung": _hung,
    }
    found: dict[str, list[Any]] = {name: [] for name in measures}
    for turn in range(options.rounds):
        for name, measure in measures.items():
            found[name].append(raw.measured(f"{turn} {name}", measure))
    figures = []
    print(f"{'':26}{'expected':>11}{'found':>11}")
    for name, share in _QUANTILES.items():
        times = [one["response"][name] for one in found["frozen"]]
        _row(f"frozen, response {name}", f"{theory(share) * 1e3:,.0f} ms", f"{statistics.median(times) * 1e3:,.0f} ms")
        errors = [abs(each / theory(share) - 1) for each in times]
        figures.append(of_rounds(f"frozen.response_{name}.error", errors, 0.02))
    before, after = ([one["service"]["p99"] for one in found[name]] for name in ("few, unfrozen", "few"))
    told = (f"{statistics.median(times) * 1e3:.2f} ms" for times in (before, after))
    _row(f"{_FEW} users, service p99", *told)
    changes = [abs(now / then - 1) for then, now in zip(before, after, strict=True)]
    figures.append(of_rounds(f"frozen.service_p99_of_{_FEW}_users.change", changes, 0.10))
    shares = [one["censored"] / one["requests"] for one in found["hung"]]
    _row("hung, share censored", f"{1 / _ONE_IN:.2%}", f"{statistics.median(shares):.2%}")
    failed = [float(one["exit_code"] == 1 and one["verdict"] == "fail") for one in found["hung"]]
    figures.append(of_rounds("frozen.hung.objective_fails", failed, 1, ">="))
    finish(raw, figures)


def _row(*cells: str) -> None:
    print(f"{cells[0]:26}{cells[1]:>11}{cells[2]:>11}")


def _frozen() -> dict[str, Any]:
    with freezing(workers=1, takes=_TAKES, frozen_from=_FROZEN_FROM, frozen_for=_FREEZE) as host:
        return _run(host, seconds=_LENGTH, users=2000)


def _few(frozen_for: float) -> dict[str, Any]:
    # As many workers as users: how long one request takes does not depend on how many others there are.
    with freezing(workers=_FEW, takes=2 * _TAKES, frozen_from=_FROZEN_FROM, frozen_for=frozen_for) as host:
        return _run(host, seconds=_LENGTH, users=_FEW)


def _hung() -> dict[str, Any]:
    with freezing(workers=100, takes=_TAKES, hang=_ONE_IN) as host:
        return _run(host, seconds=_HUNG_LENGTH, users=2000)


def _run(host: str, *, seconds: int, users: int) -> dict[str, Any]:
    """What ``tailgate run`` finds: the one route of its run.json, its exit code, and what became of the objective."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        (directory / "locustfile.py").write_text(_LOCUSTFILE, encoding="utf-8")
        (directory / "slo.yaml").write_text(_OBJECTIVE, encoding="utf-8")
        profile = _PROFILE.format(seconds=seconds, rate=_RATE, users=users)
        (directory / "profile.yaml").write_text(profile, encoding="utf-8")
        done = subprocess.run(  # noqa: S603 - the command itself
            [_TAILGATE, "run", "-f", "locustfile.py", "-H", host, "--profile", "profile.yaml", "--slo", "slo.yaml"],
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        bundle = directory / "runs/latest"
        (route,) = json.loads((bundle / "run.json").read_text(encoding="utf-8"))["routes"]
        (objective,) = json.loads((bundle / "verdict.json").read_text(encoding="utf-8"))["objectives"]
    return {**route, "exit_code": done.returncode, "verdict": objective["verdict"]}


if __name__ == "__main__":
    main()
