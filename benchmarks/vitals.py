"""Whether Web Vitals are right: those of measured visits, and the percentiles of the beacon's histograms.

Real browsers visit the reference service's pages, each visit recorded by Chromium's own performance trace as well:
TTFB, FCP and LCP of the two are put side by side. Then beacons of known values go the way of every beacon - read,
counted, shown, and the 75th percentile taken as Prometheus takes it - and are compared with the exact one, for values
drawn where anything is decided: the percentile lies between half of what is good and a quarter above what is poor.

    python -m benchmarks.vitals
"""

import argparse
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families
from tailgate_loadtest import data
from tailgate_loadtest.browser import recording
from tailgate_loadtest.browser.found import Browsing, find
from tailgate_loadtest.browser.plan import BrowserPlan, Lane
from tailgate_loadtest.browser.visiting import Visiting
from tailgate_otel import names
from tailgate_otel.vitals import Vitals, VitalsConfig
from tailgate_service.stack import Stack, StackConfig, start
from tailgate_slo.model import VITALS, Vital
from tailgate_slo.vitals import JUDGED_BY, VITAL_BOUNDS

from benchmarks.figures import Figure, Raw
from benchmarks.stored import finish

_PAGES = ("dashboard", "inbox", "agent")
_TRACED: tuple[Vital, ...] = ("ttfb", "fcp", "lcp")
_AGREE, _WITHIN, _CLS_WITHIN = 0.10, 0.05, 0.01
_ROUNDS = 5
_TRACES = "TAILGATE_BENCHMARK_TRACES"
# The visit itself, with the trace on while it lasts; traces are numbered as the visits of a lane are.
_SCRIPT = """\
import * as visited from %s;

let number = 0;
export const { login, page, permissions } = visited;
export default async function visit(given) {
  const browser = given.page.context().browser();
  const path = `${process.env.%s}/${++number}.json`;
  await browser.startTracing(given.page, { path, categories: ["devtools.timeline", "loading", "blink.user_timing"] });
  try {
    await visited.default(given);
  } finally {
    await browser.stopTracing();
  }
}
"""
_METRICS: Mapping[Vital, str] = {
    "lcp": names.WEB_VITAL_LCP,
    "inp": names.WEB_VITAL_INP,
    "cls": names.WEB_VITAL_CLS,
    "fcp": names.WEB_VITAL_FCP,
    "ttfb": names.WEB_VITAL_TTFB,
}
_PLACES = 12
_BEACONS = 2000

Values = NDArray[np.float64]


def main() -> None:
    """Measure, print the tables and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=30, help="of all pages together")
    options = parser.parse_args()
    raw = Raw("vitals", **vars(options))
    figures = _agreement(raw.measured("agreement", lambda: _visited(options.visits)))
    figures += _percentiles(raw.measured("percentiles", _errors))
    finish(raw, figures)


def _agreement(visits: Sequence[Mapping[str, Any]]) -> list[Figure]:
    print(f"{'page':>10}" + "".join(f"{f'{vital} ms':>12}{'traced':>9}" for vital in _TRACED))
    for visit in visits:
        pairs = (f"{visit['told'][vital] * 1e3:12.1f}{visit['traced'][vital] * 1e3:9.1f}" for vital in _TRACED)
        print(f"{visit['page']:>10}" + "".join(pairs))
    figures = []
    for vital in _TRACED:
        apart = [abs(visit["told"][vital] / visit["traced"][vital] - 1) for visit in visits]
        name = f"vitals.agreement.{vital}.worst"
        figures.append(Figure(name=name, value=max(apart), low=min(apart), high=max(apart), goal=_AGREE))
    return figures


def _percentiles(errors: Mapping[Vital, Sequence[float]]) -> list[Figure]:
    figures = []
    for vital, found in errors.items():
        goal = _CLS_WITHIN if vital == "cls" else _WITHIN
        name = f"vitals.p75.{vital}.worst_error"
        figures.append(Figure(name=name, value=max(found), low=min(found), high=max(found), goal=goal))
    return figures


# Visits, measured twice.


def _visited(visits: int) -> list[dict[str, Any]]:
    browsing = find(os.environ)
    each = math.ceil(visits / len(_PAGES))
    found: list[dict[str, Any]] = []
    with start(StackConfig(variant="readmodel")) as stack:
        for page in _PAGES:
            both: list[dict[str, Any]] = []
            # A page's process may begin to be traced after its navigation; such a visit is made again.
            for _ in range(_ROUNDS):
                both += _of(page, each - len(both), stack, browsing)
                if len(both) == each:
                    break
            else:
                raise SystemExit(
                    f"of {each} visits to {page}, {each - len(both)} were never traced from their beginning"
                )
            found += both
    return found


def _of(page: str, visits: int, stack: Stack, browsing: Browsing) -> list[dict[str, Any]]:
    """Those of so many visits that were traced from their beginning."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        script = place / f"{page}.mjs"
        script.write_text(_SCRIPT % (json.dumps(data.visit(page).as_uri()), _TRACES), encoding="utf-8")
        os.environ[_TRACES] = directory
        lane = Lane(visit=script, visits=visits)
        plan = BrowserPlan(host=stack.url, lanes=(lane,), targets=stack.targets, pictures=False)
        with Visiting(plan, place, browsing) as visiting:
            visiting.wait()
        made = sorted(recording.read(place / recording.FILE), key=lambda visit: visit.number)
        if failed := [visit.failed for visit in made if visit.failed is not None]:
            raise SystemExit(f"of {visits} visits to {page}, {len(failed)} failed: {failed[0]}")
        traces = [_traced(place / f"{number}.json", f"{stack.url}/{page}") for number in range(1, len(made) + 1)]
        return [
            {"page": page, "told": {vital: visit.values[vital] for vital in _TRACED}, "traced": traced}
            for visit, traced in zip(made, traces, strict=True)
            if traced is not None
        ]


def _traced(path: Path, address: str) -> dict[str, float] | None:
    """What Chromium's trace of a visit says of the document at that address, in seconds since its navigation."""
    events = json.loads(path.read_bytes())["traceEvents"]
    begun = [
        event
        for event in _named(events, "navigationStart")
        if event["args"]["data"].get("documentLoaderURL", "").partition("?")[0] == address
    ]
    if not begun:
        return None
    began = begun[0]
    document = began["args"]["data"]["navigationId"]

    def of_document(name: str, key: str) -> list[dict[str, Any]]:
        return [event for event in _named(events, name) if event["args"]["data"].get(key) == document]

    answers = of_document("ResourceReceiveResponse", "requestId")
    if not answers:
        return None
    timing = answers[0]["args"]["data"]["timing"]
    answered = timing["requestTime"] + timing["receiveHeadersStart"] / 1e3
    [first] = of_document("firstContentfulPaint", "navigationId")
    painted = max(of_document("largestContentfulPaint::Candidate", "navigationId"), key=lambda event: int(event["ts"]))
    return {
        "ttfb": answered - began["ts"] / 1e6,
        "fcp": (first["ts"] - began["ts"]) / 1e6,
        "lcp": (painted["ts"] - began["ts"]) / 1e6,
    }


def _named(events: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["name"] == name and "data" in event.get("args", {})]


# Beacons of known values.


def _normal(random: np.random.Generator, count: int) -> Values:
    return np.clip(random.normal(1.0, 0.03, count), 0.5, None)


def _lognormal(random: np.random.Generator, count: int) -> Values:
    return random.lognormal(0.0, 0.6, count)


def _bimodal(random: np.random.Generator, count: int) -> Values:
    return np.where(random.random(count) < 0.6, random.normal(1.0, 0.1, count), random.normal(3.0, 0.3, count))


_SHAPES: Sequence[Callable[[np.random.Generator, int], Values]] = (_normal, _lognormal, _bimodal)


def _errors() -> dict[Vital, list[float]]:
    """Of each vital, how far each percentile is off: as a share of it, and of the score itself."""
    random = np.random.default_rng(1)
    pages = tuple(f"/{shape}/{place}" for shape in range(len(_SHAPES)) for place in range(_PLACES))
    found: dict[Vital, list[float]] = {}
    for vital in VITALS:
        bounds = VITAL_BOUNDS[vital]
        places = np.geomspace(float(bounds.good) / 2, float(bounds.poor) * 1.25, _PLACES)
        wanted = dict(zip(pages, [(shape, place) for shape in _SHAPES for place in places], strict=True))
        exact, read = _through_the_beacon(vital, wanted, random)
        if vital == "cls":
            found[vital] = [abs(read[page] - exact[page]) for page in pages]
        else:
            found[vital] = [abs(read[page] / exact[page] - 1) for page in pages]
    return found


def _through_the_beacon(
    vital: Vital,
    wanted: Mapping[str, tuple[Callable[[np.random.Generator, int], Values], float]],
    random: np.random.Generator,
) -> tuple[dict[str, float], dict[str, float]]:
    """The 75th percentiles of each page's values, exact and read from the histogram."""
    vitals = Vitals(VitalsConfig(pages=tuple(wanted), rate=1e9, client_rate=1e9))
    exact = {}
    for page, (shape, place) in wanted.items():
        drawn = shape(random, _BEACONS)
        values = np.sort(drawn * (place / np.quantile(drawn, float(JUDGED_BY))))
        exact[page] = float(values[math.ceil(float(JUDGED_BY) * len(values)) - 1])
        for value in values.tolist():
            beacon = {"page": page, "device": "desktop", "navigation": "navigate", "values": {vital: value}}
            vitals.record(vitals.take(json.dumps(beacon).encode(), "127.0.0.1"))
    buckets: dict[str, list[tuple[float, float]]] = {page: [] for page in wanted}
    for family in text_string_to_metric_families("".join(vitals.text(openmetrics=False))):
        for sample in family.samples:
            if sample.name == f"{_METRICS[vital]}_bucket" and sample.labels[names.LABEL_DEVICE] == "desktop":
                buckets[sample.labels[names.LABEL_PAGE]].append((float(sample.labels[names.LABEL_LE]), sample.value))
    return exact, {page: _quantile(float(JUDGED_BY), sorted(counts)) for page, counts in buckets.items()}


def _quantile(q: float, buckets: Sequence[tuple[float, float]]) -> float:
    """As Prometheus's ``histogram_quantile``: a line from one edge to the next."""
    rank = q * buckets[-1][1]
    low, below = 0.0, 0.0
    for edge, within in buckets:
        if within >= rank:
            return low if math.isinf(edge) else low + (edge - low) * (rank - below) / (within - below)
        low, below = edge, within
    return low


if __name__ == "__main__":
    main()
