"""Before a run: how many samples each objective will get, and whether so many can decide it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailgate_slo import SLO, Gate, Objectives, nearest_route, samples_to_decide

from tailgate_loadtest.shapes.profile import Profile


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """One objective's prospects."""

    slo: SLO
    samples: float | None
    """Expected, at least; None when they cannot be known before the run."""
    needed: int
    """The least that can decide it, all of them good."""
    note: str

    @property
    def decidable(self) -> bool | None:
        """Whether the expected samples can decide it; None when they are not known."""
        return None if self.samples is None else self.samples >= self.needed


def unrehearsed(profile: Profile, rehearsal: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The personas of which a rehearsal could not find out what they ask for."""
    return tuple(name for name in profile.mix or rehearsal if rehearsal.get(name, {}).get("requests") is None)


def samples_per_route(profile: Profile, rehearsal: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Expected judged requests of each route, from a rehearsal, by the personas that could be rehearsed."""
    weights = profile.mix or {name: persona["weight"] for name, persona in rehearsal.items()}
    total = sum(weights.values())
    samples: dict[str, float] = {}
    for name, weight in weights.items():
        requests = rehearsal.get(name, {}).get("requests")
        for route, mean in (requests or {}).items():
            samples[route] = samples.get(route, 0.0) + profile.arrivals * weight / total * mean
    return samples


def needed(slo: SLO, gate: Gate) -> int:
    """The least samples that can decide an objective, all of them good."""
    # Query counts are exact: no interval has to be narrowed, one request decides.
    return 1 if _exact(slo) else max(samples_to_decide(slo.target), gate.minimum_samples)


def forecast(
    objectives: Objectives, gate: Gate, samples: Mapping[str, float] | None, unknown: Sequence[str] = ()
) -> list[Forecast]:
    """The prospects of every objective that a run can answer; ``unknown`` personas bring further samples."""
    return [
        _forecast(slo, gate, samples, unknown)
        for slo in objectives.slos
        if slo.measure is not None and slo.measure.kind != "vital"
    ]


def _forecast(slo: SLO, gate: Gate, samples: Mapping[str, float] | None, unknown: Sequence[str]) -> Forecast:
    least = needed(slo, gate)
    route = slo.measure.route if slo.measure else None
    if samples is None:
        return Forecast(slo=slo, samples=None, needed=least, note="not known before the run")
    expected = sum(samples.values()) if route is None else samples.get(route, 0.0)
    if _exact(slo) and route is not None and route.startswith("GET "):
        # The service counts a stream of events as the request that opened it.
        expected += samples.get(f"SSE {route.removeprefix('GET ')} connect", 0.0)
    if unknown and expected < least:
        note = f"what {', '.join(unknown)} will ask for is not known before the run"
        return Forecast(slo=slo, samples=None, needed=least, note=note)
    if expected:
        return Forecast(slo=slo, samples=expected, needed=least, note="")
    if route is not None and route.startswith(("WS ", "SSE ")):
        note = "what comes over a stream is the server's to say"
        return Forecast(slo=slo, samples=None, needed=least, note=note)
    near = nearest_route(route or "", samples)
    note = "no persona requests this route" + (f"; did you mean {near}?" if near else "")
    return Forecast(slo=slo, samples=0.0, needed=least, note=note)


def _exact(slo: SLO) -> bool:
    return slo.measure is not None and slo.measure.kind == "queries"
