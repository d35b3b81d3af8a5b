"""Whether the candidate's objectives ask for less than the base's do: nobody passes a gate by lowering it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from tailgate_slo import Objectives
from tailgate_slo.model import SLO, Bound, Gate, Kind, Raw

EVERYTHING = Decimal(1)
"""So much of an objective is given up where nothing of it is left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loosening:
    """Something that less is asked of than before.

    ``by`` is the fraction by which it grew: a threshold, a window, the share of requests that may be bad; at most 1,
    which is all of it. ``route`` and ``kind`` are None where it concerns none in particular.
    """

    objective: str
    route: str | None
    kind: Kind | None
    by: Decimal
    what: str


def loosenings(base: Objectives | None, candidate: Objectives | None) -> tuple[Loosening, ...]:
    """All of them, those of objectives before those of gates; None is a side without objectives.

    Objectives are compared by what they measure, so that one may be renamed, split or moved: what the base's file asks
    for is kept where any objective of the candidate's asks for as much of the same.
    """
    if base is None or (candidate is not None and base.digest == candidate.digest):
        return ()
    kept = candidate.slos if candidate is not None else ()
    found = [each for slo in base.slos for each in _objective(slo, kept)]
    profiles = dict.fromkeys(gate.profile for each in (base, candidate) if each for gate in each.gates)
    for profile in {None: None, **profiles}:
        found += _gate(profile, _gate_of(base, profile), _gate_of(candidate, profile))
    return tuple(found)


def _objective(slo: SLO, candidates: Iterable[SLO]) -> Iterator[Loosening]:
    subject = _subject(slo)
    same = [each for each in candidates if _subject(each) == subject]
    ways = [list(_ways(slo, each)) for each in same]
    if not ways:
        yield _of(slo, EVERYTHING, "no objective asks for this any more")
    elif all(ways):
        # That which is nearest to the base's, of the same name if there is one.
        nearest = next((found for found, each in zip(ways, same, strict=True) if each.name == slo.name), None)
        yield from nearest or min(ways, key=lambda found: sum(each.by for each in found))


def _subject(slo: SLO) -> tuple[object, ...]:
    """What an objective is about, whatever it asks of it."""
    if slo.measure is not None:
        return slo.measure.kind, slo.measure.route, slo.measure.vital, slo.measure.timing
    query = slo.query
    if isinstance(query, Bound):
        return query.query, query.op
    if isinstance(query, Raw):
        return query.query, query.failure
    return (query,)


def _ways(base: SLO, candidate: SLO) -> Iterator[Loosening]:
    """In which ways the candidate's objective asks for less than the base's."""
    old, new = _limit(base), _limit(candidate)
    if old is not None and new is not None and _looser(base, old, new):
        unit = _unit(base)
        verb = "raised" if new > old else "lowered"
        growth = _growth(min(old, new), max(old, new))
        yield _of(base, growth, f"the threshold was {verb} from {unit(old)} to {unit(new)}")
    if candidate.target < base.target:
        growth = _growth(1 - base.target, 1 - candidate.target)
        yield _of(base, growth, f"the target was lowered from {_percent(base.target)} to {_percent(candidate.target)}")
    if candidate.period_days < base.period_days:
        growth = _growth(Decimal(candidate.period_days), Decimal(base.period_days))
        words = f"the window was shortened from {base.period_days} to {candidate.period_days} days"
        yield _of(base, growth, words)


def _limit(slo: SLO) -> Decimal | None:
    if slo.measure is not None:
        return slo.measure.threshold
    return slo.query.value if isinstance(slo.query, Bound) else None


def _looser(slo: SLO, old: Decimal, new: Decimal) -> bool:
    below = not (isinstance(slo.query, Bound) and slo.query.op in ("gt", "gte"))
    return new > old if below else new < old


def _of(slo: SLO, by: Decimal, what: str) -> Loosening:
    measure = slo.measure
    return Loosening(
        objective=slo.name,
        route=measure.route if measure else None,
        kind=measure.kind if measure else None,
        by=by,
        what=what,
    )


def _gate_of(objectives: Objectives | None, profile: str | None) -> Gate:
    if objectives is None:
        return Gate(profile=profile)
    if profile is not None:
        return objectives.gate(profile)
    return next((gate for gate in objectives.gates if gate.profile is None), Gate())


def _gate(profile: str | None, base: Gate, candidate: Gate) -> Iterator[Loosening]:
    name = f"gate of profile {profile}" if profile else "gate of every profile"

    def raised(what: str, old: Decimal, new: Decimal, kind: Kind | None, unit: "_Unit") -> Iterator[Loosening]:
        if new > old:
            words = f"{what} was raised from {unit(old)} to {unit(new)}"
            yield Loosening(objective=name, route=None, kind=kind, by=_growth(old, new), what=words)

    one, other = base.tolerance, candidate.tolerance
    yield from raised("the relative tolerance", one.relative, other.relative, "latency", _percent)
    yield from raised("the absolute tolerance", one.absolute, other.absolute, "latency", _milliseconds)
    fewest = Decimal(base.minimum_samples), Decimal(candidate.minimum_samples)
    yield from raised("the number of samples that an objective needs", *fewest, None, _plain)
    if base.abort is not None:
        if candidate.abort is None:
            words = "nothing ends a load that fails any more"
            yield Loosening(objective=name, route=None, kind="availability", by=EVERYTHING, what=words)
        else:
            ratios = base.abort.error_ratio, candidate.abort.error_ratio
            times = base.abort.for_seconds, candidate.abort.for_seconds
            yield from raised("the share of failures that ends a load", *ratios, "availability", _percent)
            yield from raised("the time of failing that ends a load", *times, "availability", _milliseconds)


def _growth(old: Decimal, new: Decimal) -> Decimal:
    return min((new - old) / old, EVERYTHING) if old else EVERYTHING


_Unit = Callable[[Decimal], str]


def _unit(slo: SLO) -> _Unit:
    measure = slo.measure
    seconds = measure is not None and (
        measure.kind == "latency" or (measure.kind == "vital" and measure.vital != "cls")
    )
    return _milliseconds if seconds else _plain


def _milliseconds(seconds: Decimal) -> str:
    return f"{_plain(seconds * 1000)} ms"


def _percent(share: Decimal) -> str:
    return f"{_plain(share * 100)} %"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
