"""What somebody at the dashboard's page waits for while its API is loaded: a real browser beside a hundred arrivals/s.

In a round, ``tailgate run`` loads the reference API with all of its personas, and has a browser visit the dashboard,
each visit five seconds after the one before: once in variant ``readmodel``; and once in variant ``sequential``, a round
trip away from its database and under a seventh of the load, since it holds on to a connection for a second or more: at
ten arrivals/s its panels take 1.9 s, at twenty it falls ever further behind. What the page is like is taken from the
visits, what the gate says of it from the verdict. How quiet the machine was is kept with each round, and no reason to
leave one out.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.judge.felt import judged_visits
from tailgate_loadtest.judge.verdict import read_verdict
from tailgate_loadtest.judge.vitals.order import percentile
from tailgate_loadtest.run.bundle import Bundle
from tailgate_otel import names

from benchmarks.figures import Figure, Raw, of_rounds, of_share
from benchmarks.stored import finish

_PAGE, _PANELS = "/dashboard", "panels_complete"
_WITHIN = 2.0
"""Seconds, at the 75th percentile of visits."""
_Q = 0.75
_EVERY = 5.0
"""Seconds from one visit to the next: the browser is a visitor, not a load of its own."""
_COMMAND = Path(sys.executable).with_name("tailgate")
_WHATEVER = " ".join(f"{limit}=100%" for limit in ("late", "stalled", "waited", "throttled", "steal", "shared"))
_PROFILE = """\
apiVersion: tailgate/v1
kind: Profile
name: page
warmup: {warmup}s
stages: [{{duration: {seconds}s, rate: {rate:g}}}]
users: 300
browsers: [{{visit: dashboard, every: {every:g}s}}]
"""


def main() -> None:
    """Measure, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=120, help="of load that counts, in each variant of a round")
    parser.add_argument("--warmup", type=int, default=15)
    parser.add_argument("--rate", type=float, default=100.0, help="arrivals per second")
    parser.add_argument("--slow-rate", type=float, default=15.0, help="the same, of the slow variant")
    parser.add_argument("--rtt", type=float, default=0.1, help="seconds to the database and back, of the slow variant")
    options = parser.parse_args()
    raw = Raw("dashboardpage", **vars(options))
    variants = {"readmodel": (options.rate, 0.0), "sequential": (options.slow_rate, options.rtt)}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in variants}
    head = ("visits", "failed", "LCP p75", "panels p75", "panels")
    print(f"{'round':>6} {'variant':12}" + "".join(f"{each:>12}" for each in head), flush=True)
    for number in range(options.rounds):
        for variant, (rate, rtt) in variants.items():
            measure = partial(_measured, variant, rate, rtt, options, number + 1)
            found[variant].append(raw.measured(f"{variant} {number}", measure))
            _row(number, variant, found[variant][-1])
    finish(raw, _figures(**found))


def _measured(variant: str, rate: float, rtt: float, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One run of the command, and what its bundle says."""
    with tempfile.TemporaryDirectory() as place:
        profile = Path(place) / "page.yaml"
        told = _PROFILE.format(warmup=options.warmup, seconds=options.seconds, rate=rate, every=_EVERY)
        profile.write_text(told, encoding="utf-8")
        how = ("--variant", variant, "--db-rtt", f"{rtt:g}s", "--seed", str(seed))
        done = subprocess.run(  # noqa: S603 - our own command
            [_COMMAND, "run", "--profile", profile, *how, "--out", place, "--json"],
            cwd=place,
            env={**os.environ, names.ENV_TOLERATE: _WHATEVER},
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode not in (0, 1, 3):
            raise SystemExit(f"tailgate run ended with {done.returncode}")
        return _read(Bundle.open(Path(place) / "latest"))


def _read(bundle: Bundle) -> dict[str, Any]:
    run, verdict = bundle.read_run(), read_verdict(bundle)
    judged = {f.timing or f.vital: f.verdict for f in verdict.objectives if f.route == _PAGE}
    return {
        "visits": [_visit(visit) for visit in judged_visits(bundle, run)],
        "verdict": judged.get(_PANELS),
        "rate": run.arrivals.judged / (run.measured_to - run.measured_from),
        "generator": run.generator.model_dump(mode="json"),
        "browsers": json.loads(run.browsers.load.model_dump_json()) if run.browsers else None,
    }


def _visit(visit: Visit) -> dict[str, Any]:
    return {"failed": visit.failed, "lcp": visit.values.get("lcp"), _PANELS: visit.timings.get(_PANELS)}


def _times(one: dict[str, Any], measure: str) -> list[float]:
    """Seconds of every visit; without end where it failed, or told nothing."""
    return [
        math.inf if visit["failed"] is not None or visit[measure] is None else visit[measure] for visit in one["visits"]
    ]


def _p75(one: dict[str, Any], measure: str) -> float:
    times = _times(one, measure)
    return percentile(times, _Q).value if times else math.inf


def _row(number: int, variant: str, one: dict[str, Any]) -> None:
    failed = sum(visit["failed"] is not None for visit in one["visits"])
    lcp, panels = (_p75(one, measure) * 1e3 for measure in ("lcp", _PANELS))
    print(
        f"{number:6} {variant:12}{len(one['visits']):12}{failed:12}{lcp:12.0f}{panels:12.0f}"
        f"{one['verdict'] or '-':>12}",
        flush=True,
    )


def _figures(readmodel: Sequence[dict[str, Any]], sequential: Sequence[dict[str, Any]]) -> list[Figure]:
    lcp, panels = ([1e3 * _p75(one, measure) for one in readmodel] for measure in ("lcp", _PANELS))
    slow = [time > _WITHIN for one in sequential for time in _times(one, _PANELS)]
    failed = [visit["failed"] is not None for one in readmodel for visit in one["visits"]]
    return [
        of_rounds("dashboardpage.lcp_p75_ms", lcp, 1e3 * _WITHIN),
        of_rounds("dashboardpage.panels_complete_p75_ms", panels, 1e3 * _WITHIN),
        of_share("dashboardpage.visits_failed", failed, 0.0),
        of_share("dashboardpage.sequential.visits_that_wait_longer", slow, 1 - _Q, ">="),
        of_share("dashboardpage.sequential.gates_missed", [one["verdict"] == "fail" for one in sequential], 1.0, ">="),
    ]


if __name__ == "__main__":
    main()
