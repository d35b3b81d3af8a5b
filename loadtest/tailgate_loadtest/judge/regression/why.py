"""Why a route got worse: how many more queries, which, and what a percentile's time went to, in words.

Three witnesses, each for what it knows best. The service's counters have every request, so they say how many queries
there are. The splits have every request as well, by the client's clock and, where the service tells, by its own: they
say how much of a percentile's difference is the database, the wait for a connection, the application, the network.
Only traces know statements, and of them there are few.

Traces are kept for reasons, so those of two sides cannot simply be compared: of a side that got slower more are kept
for being slow. Two ways of looking at them are free of that:

- The fair sample of each side: requests traced by a coin thrown before they began. Means over it, such as how often a
  statement runs, are means over all requests.
- Requests that took as long as a side's percentile did. Whether such a one was traced by the coin or for being slow,
  among requests of that length it is one by chance, so their means are those of all such requests. Traces kept for what
  they did, as for an N+1, are left out, unless the coin had chosen them too.

A difference of means is said where it is at least twice its standard error (Welch, "The generalization of 'Student's'
problem", 1947) and a tenth of the whole. Where fewer than five traces are to be had, that is said instead.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from tailgate_loadtest.judge.regression.document import Measure
from tailgate_loadtest.judge.regression.evidence import Evidence
from tailgate_loadtest.judge.regression.spent import Kind, Request, Work
from tailgate_loadtest.judge.regression.statements import shortened
from tailgate_loadtest.run.document import Parts

LEAST = 5
"""Traces on each side, or nothing is said by them."""
_MOST = 20
_ALIKE = 1.25
"""Requests whose lengths differ by no more than this factor took as long; of those the _MOST nearest are looked at."""
_ERRORS = 2.0
"""How many standard errors a difference must be to be one."""
_DOUBTFUL = 0.2
"""The share of a difference beyond which its doubt is said: two standard errors."""
_WORTH = 0.1
"""The least share of a difference that is said by itself."""
_NAMED = 3
_TOLD = 0.9
"""The least share of requests of which the service must have told."""
_MANY = 5
"""How often a statement runs under one request to be an N+1, where no recorder has judged that."""
_NAME = 80
_PERCENTILES: Mapping[str, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_KINDS: tuple[tuple[Kind, str], ...] = (
    ("database", "database"),
    ("pool", "pool wait"),
    ("call", "calls of others"),
    ("application", "application"),
)
_TOLD_KINDS: Mapping[str, tuple[Kind, ...]] = {"database": ("database",), "application": ("call", "application")}
"""What a service's ``Server-Timing`` counts as which part."""
_LEAST_SAID = 50e-6
_CURE = "OpenTelemetry's traces (OTEL_EXPORTER_OTLP_ENDPOINT is set for it), or Server-Timing, would tell"


def causes(measure: Measure, base: Evidence, candidate: Evidence) -> tuple[str, ...]:
    """Why a measure of a route got worse, most first; a sentence each, to stand after what got worse and by how much.

    Args:
        measure: what got worse.
        base: what is known of the route on one side.
        candidate: and on the other.

    """
    if measure == "failures":
        return _failures(base, candidate)
    return tuple(filter(None, (_queries(base, candidate), _time(measure, base, candidate))))


@dataclass(frozen=True, slots=True)
class _Difference:
    """Of two means, the candidate's less the base's."""

    mean: float
    error: float
    """Its standard error."""

    @classmethod
    def of(cls, base: Sequence[float], candidate: Sequence[float]) -> "_Difference":
        error = math.sqrt(sum(variance(each) / len(each) for each in (base, candidate)))
        return cls(fmean(candidate) - fmean(base), error)

    def __str__(self) -> str:
        doubt = _ERRORS * self.error
        return _signed(self.mean) + (f" ± {_milliseconds(doubt)}" if doubt > _DOUBTFUL * abs(self.mean) else "")

    def is_worth(self, whole: float) -> bool:
        return self.mean >= max(_ERRORS * self.error, _WORTH * whole) and self.mean > 0


@dataclass(frozen=True, slots=True)
class _Traces:
    """Comparable traces of both sides."""

    base: Sequence[Request]
    candidate: Sequence[Request]

    @property
    def enough(self) -> bool:
        return min(len(self.base), len(self.candidate)) >= LEAST

    def difference(self, of: Callable[[Request], float]) -> _Difference:
        return _Difference.of([of(each) for each in self.base], [of(each) for each in self.candidate])

    def works(self, kinds: Iterable[Kind]) -> set[Work]:
        wanted = set(kinds)
        return {
            work for each in (*self.base, *self.candidate) for work in (*each.spent, *each.ran) if work.kind in wanted
        }

    def __str__(self) -> str:
        return f"{len(self.base)} and {len(self.candidate)} traces"


def _fair(base: Evidence, candidate: Evidence) -> _Traces:
    return _Traces(*([t for t in side.traces if t.fair and not t.failed] for side in (base, candidate)))


def _queries(base: Evidence, candidate: Evidence) -> str | None:
    """How many more queries there are, and which."""
    fair = _fair(base, candidate)
    if base.queries is not None and candidate.queries is not None:
        before, after = base.queries, candidate.queries
    elif fair.enough and fair.difference(_ran).is_worth(0):
        before, after = (fmean(map(_ran, side)) for side in (fair.base, fair.candidate))
    else:
        return None
    more = after - before
    if more < 0.05:
        return None
    said = f"{_number(more)} more {'query' if _number(more) == '1' else 'queries'} a request"
    said += f" ({_number(before)} → {_number(after)})"
    if not fair.enough:
        return f"{said}; which, is not known: there are {fair} by chance, and {LEAST} of each are needed"
    found = {work: fair.difference(lambda t, work=work: t.ran.get(work, 0)) for work in fair.works(["database"])}  # type: ignore[misc]
    worth = [(work, found[work].mean) for work in found if found[work].is_worth(more)]
    # Of those that are as many, the one first that takes the longest.
    took = {work: fair.difference(lambda t, work=work: t.spent.get(work, 0.0)).mean for work, _ in worth}  # type: ignore[misc]
    worth.sort(key=lambda each: (-round(each[1], 1), -took[each[0]]))
    if not worth:
        return f"{said}; which, {fair} do not tell"
    (most, times), *_ = worth
    if times >= _TOLD * more:
        return (
            f"{said}, all {_called(most, fair.candidate)}" if more > 1.5 else f"{said}, {_called(most, fair.candidate)}"
        )
    left = f", and {len(worth) - _NAMED} more" if len(worth) > _NAMED else ""
    return f"{said}: " + ", ".join(f"{_called(w, fair.candidate)} +{_number(n)}" for w, n in worth[:_NAMED]) + left


def _ran(request: Request) -> float:
    return float(sum(request.ran.values()))


def _called(work: Work, traces: Iterable[Request]) -> str:
    """A statement, where it comes from, and whether it is repeated."""
    sites = Counter(site for each in traces if (site := each.sites.get(work)))
    site = f" at {sites.most_common(1)[0][0]}" if sites else ""
    many = any(each.repeated == work or each.ran.get(work, 0) >= _MANY for each in traces)
    return f"{_named(work)}{site}{' (N+1)' if many else ''}"


def _named(work: Work) -> str:
    text = shortened(work.text) if work.kind == "database" else " ".join(work.text.split())[:_NAME]
    return f"`{text.replace('`', chr(39))}`" if text else "what no span has"


def _time(measure: Measure, base: Evidence, candidate: Evidence) -> str:
    """What a percentile's difference is made of."""
    q = _PERCENTILES[measure]
    splits = [getattr(side.splits, measure) if side.splits else None for side in (base, candidate)]
    one, other = splits
    if one is not None and other is not None:
        if _is_told(one) and _is_told(other):
            return _by_server(measure, one, other, base, candidate)
        clients: dict[str, float] | None = _steps(other, one)
    else:
        clients = None
    traces = _around(q, base, candidate)
    if traces.enough:
        return _by_traces(measure, clients, traces)
    lacking = f"what the service did meanwhile is not known, {_lack(traces, measure)}"
    if not (base.traces and candidate.traces):
        lacking = f"what the service did meanwhile is not known: {_CURE}"
    if clients is None:
        return f"where the time went is not known: its client timed no steps; {lacking}"
    whole = sum(clients.values())
    return f"{_of(whole, measure)}: {_listed(clients, whole)}; {lacking}"


def _lack(traces: _Traces, measure: Measure) -> str:
    return f"there are {traces} of requests as long as {measure}, and {LEAST} of each are needed"


def _is_told(parts: Parts) -> bool:
    return parts.told >= _TOLD * parts.requests


def _by_server(measure: Measure, one: Parts, other: Parts, base: Evidence, candidate: Evidence) -> str:
    """By what the service told of all requests around the percentile; statements by traces of requests as long."""
    pool, database, application, network = (
        getattr(other, part) - getattr(one, part) for part in ("pool", "database", "application", "network")
    )
    parts = {"database": database, "pool wait": pool, "application": application, "network": network}
    parts |= _clients(other, one)
    whole = sum(parts.values())
    traces = _Traces(
        *(
            _near(side.traces, each.pool + each.database + each.application)
            for side, each in ((base, one), (candidate, other))
        )
    )
    within: dict[str, str] = {}
    if traces.enough:
        within = {name: _within(traces, kinds, whole) for name, kinds in _TOLD_KINDS.items()}
    said = f"{_of(whole, measure)}: {_listed(parts, whole, within)}"
    if traces.enough or max(database, application) < _WORTH * whole or whole <= 0:
        return said
    fair = _fair(base, candidate)
    average = _within(fair, [kind for kinds in _TOLD_KINDS.values() for kind in kinds], whole) if fair.enough else ""
    if average:
        return f"{said}; on average over {fair}, {average}"
    return f"{said}; what that is made of is not known, {_lack(traces, measure)}"


def _by_traces(measure: Measure, clients: Mapping[str, float] | None, traces: _Traces) -> str:
    """By traces alone, and by the client's steps for what they do not cover."""
    took = traces.difference(lambda each: each.seconds)
    whole = took.mean if clients is None else sum(clients.values())
    parts = {name: traces.difference(lambda t, kind=kind: _spent_on(t, kind)).mean for kind, name in _KINDS}  # type: ignore[misc]
    if clients is not None:
        parts["outside of its spans"] = whole - took.mean
    within = {name: _within(traces, [kind], whole) for kind, name in _KINDS if kind != "pool"}
    doubt = f" (by {traces}, ± {_milliseconds(_ERRORS * took.error)} ms)"
    return f"{_of(whole, measure)}{doubt}: {_listed(parts, whole, within)}"


def _spent_on(request: Request, kind: Kind) -> float:
    return sum(seconds for work, seconds in request.spent.items() if work.kind == kind)


def _within(traces: _Traces, kinds: Sequence[Kind], whole: float) -> str:
    """The statements, or spans, that a part's difference is made of."""
    found = [
        (traces.difference(lambda t, work=work: t.spent.get(work, 0.0)), work)  # type: ignore[misc]
        for work in traces.works(kinds)
        if work.text
    ]
    worth = sorted((each for each in found if each[0].is_worth(whole)), key=lambda each: -each[0].mean)
    return ", ".join(f"{_called(work, traces.candidate)} {by}" for by, work in worth[:_NAMED])


def _near(traces: Iterable[Request], seconds: float) -> list[Request]:
    """Traces of requests that took as long, the nearest ones where there are many."""

    def apart(each: Request) -> float:
        return abs(math.log(each.seconds / seconds))

    usable = [each for each in traces if each.comparable and not each.failed and each.seconds > 0 < seconds]
    alike = [each for each in usable if apart(each) <= math.log(_ALIKE)]
    return sorted(alike, key=apart)[:_MOST]


def _around(q: float, base: Evidence, candidate: Evidence) -> _Traces:
    """Traces of requests that took as long as each side's percentile of its fair sample, where that has one."""
    chosen: list[list[Request]] = []
    for side in (base, candidate):
        lengths = sorted(each.seconds for each in side.traces if each.fair and not each.failed)
        # Beyond the last few of a sample there is no telling where a percentile is.
        known = len(lengths) * min(q, 1 - q) >= 1
        chosen.append(_near(side.traces, lengths[math.ceil(q * len(lengths)) - 1]) if known else [])
    return _Traces(*chosen)


def _steps(other: Parts, one: Parts) -> dict[str, float]:
    """The client's steps, whatever a server tells of them."""

    def waiting(each: Parts) -> float:
        return each.wait + each.network + each.pool + each.database + each.application

    return {
        "waiting for the answer": waiting(other) - waiting(one),
        "receiving": other.receive - one.receive,
        **_clients(other, one),
    }


def _clients(other: Parts, one: Parts) -> dict[str, float]:
    """What is the client's, and not the server's."""
    named = {"connecting": "connection", "waiting for a user": "user", "generator lag": "lag", "client": "other"}
    return {name: getattr(other, part) - getattr(one, part) for name, part in named.items()}


def _listed(parts: Mapping[str, float], whole: float, within: Mapping[str, str] | None = None) -> str:
    """The parts worth a word, the largest difference first; those that fell are said as well."""
    ranked = sorted(parts.items(), key=lambda each: -abs(each[1]))
    worth = [
        each for number, each in enumerate(ranked) if not number or abs(each[1]) >= max(0.02 * abs(whole), _LEAST_SAID)
    ]
    details = within or {}
    return "; ".join(
        f"{name} {_signed(seconds)}" + (f", of which {details[name]}" if seconds > 0 and details.get(name) else "")
        for name, seconds in worth
    )


def _failures(base: Evidence, candidate: Evidence) -> tuple[str, ...]:
    """How requests fail that did not, and where."""
    shares = {error: (_share(base, error), _share(candidate, error)) for error in {**base.errors, **candidate.errors}}
    worse = sorted(
        (each for each in shares.items() if each[1][1] > each[1][0]), key=lambda each: each[1][0] - each[1][1]
    )
    said = [
        f"{' '.join(error.split())}: {before:.2%} → {after:.2%} of the requests"
        for error, (before, after) in worse[:_NAMED]
    ]
    failed = [each for each in candidate.traces if each.failed]
    where = Counter((work, error) for each in failed for work, error in each.errors.items())
    for (work, error), times in where.most_common(_NAMED):
        said.append(
            f"{_called(work, failed)} failed with {error} in {times} of {len(failed)} traces of failed requests"
        )
    return tuple(said) or (f"how the requests failed is not known: {_CURE}",)


def _share(side: Evidence, error: str) -> float:
    return side.errors.get(error, 0) / side.requests if side.requests else 0.0


def _of(whole: float, measure: Measure) -> str:
    return (
        f"of {_signed(whole)} at {measure}"
        if whole > 0
        else f"over all of the load {measure} moved by {_signed(whole)}"
    )


def _signed(seconds: float) -> str:
    return f"{'+' if seconds >= 0 else '−'}{_milliseconds(abs(seconds))} ms"


def _milliseconds(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.95 else f"{value:.2f}"


def _number(value: float) -> str:
    """A count for each request: whole where it is nearly so."""
    return (
        f"{value:.0f}"
        if abs(value - round(value)) < 0.05 and value >= 0.5
        else f"{value:.2g}"
        if value < 10
        else f"{value:.1f}"
    )
