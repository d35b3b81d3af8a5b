"""What the difference of a percentile is made of: the database and its statements, waits, the application, the way."""

from collections.abc import Mapping
from dataclasses import dataclass

from tailgate_loadtest.judge.regression.document import Measure
from tailgate_loadtest.judge.regression.why.amounts import called, milliseconds, signed
from tailgate_loadtest.judge.regression.why.comparable import ERRORS, LEAST, Traces, around, as_long, fair
from tailgate_loadtest.judge.regression.why.evidence import Evidence
from tailgate_loadtest.judge.regression.why.spent import Kind
from tailgate_loadtest.run.document import Parts

CURE = (
    "Server-Timing would tell, or OpenTelemetry's traces: `tailgate ab` tells its commands where to send them, and"
    " containers and addresses may send them where `service: traces` of tailgate.yaml says"
)

_DATABASE = "database"
_PERCENTILES: Mapping[str, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_TRACED: Mapping[str, Kind] = {
    _DATABASE: "database",
    "pool wait": "pool",
    "calls of others": "call",
    "application": "application",
}
_TOLD: Mapping[str, tuple[Kind, ...]] = {_DATABASE: ("database",), "application": ("call", "application")}
"""What a service's ``Server-Timing`` counts as which part."""
_CLIENTS = {"connecting": "connection", "waiting for a user": "user", "generator lag": "lag", "client": "other"}
_MOST_TOLD = 0.9
"""The least share of requests of which the service must have told."""
_NAMED = 3
_WORTH = 0.02
_WORTH_SECONDS = 50e-6
"""Parts whose differences are smaller than either are left out, but for the largest."""
_WORTH_A_REASON = 0.1


@dataclass(frozen=True, slots=True)
class Portions:
    """What a difference is made of."""

    text: str
    largest: str | None
    """The part that grew most; None where nothing is known."""

    @property
    def by_queries(self) -> bool:
        """Whether more queries may be why."""
        return self.largest in (None, _DATABASE, "pool wait", "waiting for the answer", "waiting for a user")


def portions(measure: Measure, base: Evidence, candidate: Evidence) -> Portions:
    """By what the services told of every request; else by traces and the client's steps; else by these alone."""
    one, other = (getattr(side.splits, measure) if side.splits else None for side in (base, candidate))
    steps: dict[str, float] = {}
    if one is not None and other is not None:
        if all(each.told >= _MOST_TOLD * each.requests for each in (one, other)):
            return _by_server(measure, one, other, base, candidate)
        steps = _steps(one, other)
    traces = around(_PERCENTILES[measure], base, candidate)
    if traces.enough:
        return _by_traces(measure, steps, traces)
    lacking = _lack(traces, measure) if base.traces and candidate.traces else CURE
    unknown = f"what the service did meanwhile is not known: {lacking}"
    if not steps:
        return Portions(f"where the time went is not known: its client timed no steps; {unknown}", None)
    return Portions(
        f"{_of(sum(steps.values()), measure)}: {_listed(steps)}; {unknown}", max(steps, key=steps.__getitem__)
    )


def _by_server(measure: Measure, one: Parts, other: Parts, base: Evidence, candidate: Evidence) -> Portions:
    """All requests around the percentile, by what the service told; statements by traces of requests as long."""
    parts = {
        _DATABASE: other.database - one.database,
        "pool wait": other.pool - one.pool,
        "application": other.application - one.application,
        "network": other.network - one.network,
        **_clients(one, other),
    }
    whole, largest = sum(parts.values()), max(parts, key=parts.__getitem__)
    traces = as_long(base, _served(one), candidate, _served(other))
    if traces.enough:
        within = {name: _within(traces, whole, *kinds) for name, kinds in _TOLD.items()}
        return Portions(f"{_of(whole, measure)}: {_listed(parts, within)}", largest)
    said = f"{_of(whole, measure)}: {_listed(parts)}"
    if whole <= 0 or max(parts[name] for name in _TOLD) < _WORTH_A_REASON * whole:
        return Portions(said, largest)
    anyway = fair(base, candidate)
    average = _within(anyway, whole, *(kind for kinds in _TOLD.values() for kind in kinds)) if anyway.enough else ""
    if average:
        return Portions(f"{said}; on average over {anyway}, {average}", largest)
    return Portions(f"{said}; what that is made of is not known: {_lack(traces, measure)}", largest)


def _by_traces(measure: Measure, steps: Mapping[str, float], traces: Traces) -> Portions:
    """By traces alone; the client's steps say how much they do not cover."""
    took = traces.lengths()
    whole = sum(steps.values()) if steps else took.mean
    parts = {name: traces.spent_on(kind).mean for name, kind in _TRACED.items()}
    if steps:
        parts["outside of its spans"] = whole - took.mean
    within = {name: _within(traces, whole, kind) for name, kind in _TRACED.items()}
    doubt = f"by {traces}, ± {milliseconds(ERRORS * took.error)} ms"
    text = f"{_of(whole, measure)} ({doubt}): {_listed(parts, within)}"
    return Portions(text, max(parts, key=parts.__getitem__))


def _served(parts: Parts) -> float:
    """What the service told of, in seconds: as long as its span is."""
    return parts.pool + parts.database + parts.application


def _steps(one: Parts, other: Parts) -> dict[str, float]:
    """The client's steps, whatever a server tells of them."""
    waiting = [each.wait + each.network + _served(each) for each in (one, other)]
    return {
        "waiting for the answer": waiting[1] - waiting[0],
        "receiving": other.receive - one.receive,
        **_clients(one, other),
    }


def _clients(one: Parts, other: Parts) -> dict[str, float]:
    """What is the client's, and not the server's."""
    return {name: getattr(other, part) - getattr(one, part) for name, part in _CLIENTS.items()}


def _within(traces: Traces, whole: float, *kinds: Kind) -> str:
    """The statements, or spans, that a part's difference is made of."""
    found = [(traces.spent(work), work) for work in traces.works(*kinds) if work.text]
    worth = sorted((each for each in found if each[0].is_worth(whole)), key=lambda each: (-each[0].mean, each[1].text))
    return ", ".join(f"{called(work, traces.candidate)} {by}" for by, work in worth[:_NAMED])


def _listed(parts: Mapping[str, float], within: Mapping[str, str] | None = None) -> str:
    """The parts worth a word, the largest difference first; those that fell are said as well."""
    details, least = within or {}, max(_WORTH * abs(sum(parts.values())), _WORTH_SECONDS)
    first, *others = sorted(parts.items(), key=lambda each: -abs(each[1]))
    said = []
    for name, seconds in (first, *(each for each in others if abs(each[1]) >= least)):
        made_of = f", of which {details[name]}" if seconds > 0 and details.get(name) else ""
        said.append(f"{name} {signed(seconds)}{made_of}")
    return "; ".join(said)


def _lack(traces: Traces, measure: Measure) -> str:
    return f"there are {traces} of requests as long as {measure}, and {LEAST} of each are needed"


def _of(whole: float, measure: Measure) -> str:
    if whole > 0:
        return f"of {signed(whole)} at {measure}"
    return f"over all of the load {measure} moved by {signed(whole)}"
