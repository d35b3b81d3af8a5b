"""What differs between two probes, request for request and without statistics.

- **Status**: a failure that was none.
- **Queries** and **round trips**, as the service tells them: one more is worse, one fewer is better. Where the
  candidate no longer tells what the base tells of a route, there is no answer.
- **Bytes** of the body. What is in it is the same from clone to clone, but for a few bytes of numbers and moments; how
  many bytes it was sent as differs a little more, since random ids compress differently. Both are looked at, each
  beyond what it differs by itself: that answers have more in them is seen, and that they are no longer compressed.
- **Requests**: an iteration in which another request follows, or none.

What differs because of a change differs in most requests of a route, or in the same request in both phases. What does
neither may be chance, such as a cache that ran out just then: it is shown, and stops nothing. Bytes that differ so are
not even shown, since what an answer holds may depend on what had been done by then.

What differs in the same requests of both phases is told once, as of the second.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from tailgate_loadtest.judge.regression.document import Exact, ExactFinding
from tailgate_loadtest.judge.regression.exact.aligned import Aligned, Pair, Place, align
from tailgate_loadtest.judge.regression.exact.differences import (
    Difference,
    of_partings,
    of_queries,
    of_round_trips,
    of_size,
    of_status,
)
from tailgate_loadtest.measure.probe import PHASES, Answered, Phase, Probe

TOLERANCE = 0.05
"""The share by which answers may grow."""
_NAMED = 4
_CHANCE = "; only here, and not in the same requests of the other phase: it may be chance"
_SOME_TIME = "; neither service was started for this, so it may come from what they had done before"

_Found = Mapping[Phase, Mapping[str, Difference]]
"""Differences by phase and route."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What comparing two probes came to."""

    findings: tuple[ExactFinding, ...]
    """What stops the change first."""
    asked: frozenset[str]
    """The routes of which requests were compared."""
    remarks: tuple[str, ...]
    """What could not be compared, which is no fault."""
    reasons: tuple[str, ...]
    """Why there is no answer: with any of them, nobody may say that nothing is worse."""


def compare(base: Probe, candidate: Probe, *, fresh: bool = True, tolerance: float = TOLERANCE) -> Compared:
    """Compare two sides that were asked the same.

    Args:
        base: one side's probe.
        candidate: the other's.
        fresh: both services were started for it, on clones of the same data. Where they were not, nobody knows what
            they had done before, nor what else is in their answers: first requests, and bytes, are only shown.
        tolerance: the share by which answers may grow before that stops the change.

    """
    phases = {phase: align(base, candidate, phase) for phase in PHASES}
    findings = [
        *_findings("status", _by_route(phases, of_status), fresh),
        *_findings("queries", _by_route(phases, of_queries), fresh),
        *_findings("round_trips", _by_route(phases, of_round_trips), fresh),
        *_sizes(_by_route(phases, of_size), fresh, tolerance),
        *_findings("requests", _parted(phases), fresh),
    ]
    return Compared(
        findings=tuple(sorted(findings, key=lambda each: (not each.blocking, not each.worse))),
        asked=frozenset(route for aligned in phases.values() for route in aligned.pairs),
        remarks=tuple(_remarks(base, candidate, phases, fresh)),
        reasons=tuple(_reasons(base, candidate, phases)),
    )


def _by_route(phases: Mapping[Phase, Aligned], differ: Callable[[Sequence[Pair]], Difference | None]) -> _Found:
    return {
        phase: {route: found for route, pairs in sorted(aligned.pairs.items()) if (found := differ(pairs)) is not None}
        for phase, aligned in phases.items()
    }


def _parted(phases: Mapping[Phase, Aligned]) -> _Found:
    found: dict[Phase, dict[str, Difference]] = {}
    for phase, aligned in phases.items():
        parted = sorted((each for each in aligned.partings if not each.explained), key=lambda each: each.route)
        found[phase] = {
            route: of_partings(list(each), len(aligned.pairs.get(route, ())) + len(parted))
            for route, each in groupby(parted, key=lambda each: each.route)
        }
    return found


def _findings(measure: Exact, found: _Found, fresh: bool) -> Iterator[ExactFinding]:
    for phase, route, difference, again in _each(found):
        certain = 2 * len(difference.worse) >= difference.of or bool(again)
        blocking = difference.is_worse and certain and (fresh or phase == "warm")
        doubt = "" if not difference.is_worse or blocking else _CHANCE if not certain else _SOME_TIME
        yield _finding(measure, phase, route, difference, blocking=blocking, doubt=doubt)


def _sizes(found: _Found, fresh: bool, tolerance: float) -> Iterator[ExactFinding]:
    for phase, route, difference, again in _each(found):
        if len(again) < min(2, difference.of):
            continue
        much = difference.candidate > difference.base * (1 + tolerance)
        blocking = difference.is_worse and much and fresh and 2 * len(again) >= difference.of
        tolerated = f"; up to {tolerance:.0%} more is tolerated" if not much else ""
        doubt = "" if not difference.is_worse or blocking else tolerated or (_CHANCE if fresh else _SOME_TIME)
        yield _finding("bytes", phase, route, difference, blocking=blocking, doubt=doubt)


def _each(found: _Found) -> Iterator[tuple[Phase, str, Difference, set[Place]]]:
    """Each difference that is to be told, and the requests that differ in the same way in the other phase."""
    for phase, routes in found.items():
        [other] = [found[each] for each in found if each != phase]
        for route, difference in routes.items():
            twin = other.get(route)
            again = set() if twin is None else {*(difference.worse & twin.worse), *(difference.better & twin.better)}
            if twin is None or twin.places != difference.places:
                yield phase, route, difference, again
            elif phase == "warm":
                yield phase, route, replace(difference, why=f"{difference.why}, as well when first asked"), again


def _finding(
    measure: Exact, phase: Phase, route: str, difference: Difference, *, blocking: bool, doubt: str
) -> ExactFinding:
    return ExactFinding(
        route=route,
        measure=measure,
        phase=phase,
        base=difference.base,
        candidate=difference.candidate,
        requests=difference.requests,
        of=difference.of,
        worse=difference.is_worse,
        blocking=blocking,
        why=difference.why + doubt,
    )


def _remarks(base: Probe, candidate: Probe, phases: Mapping[Phase, Aligned], fresh: bool) -> Iterator[str]:
    if base.account.curtailed is not None:
        yield f"fewer requests than usual were asked one by one, of each persona some: {base.account.curtailed}"
    silent = [name for name, side in _named(base, candidate) if all(each.queries is None for each in side.answers)]
    if silent:
        who = "neither service tells" if len(silent) == 2 else f"the {silent[0]} does not tell"
        yield f"{who} by Server-Timing how many queries a request made, so they are not compared request for request"
    partings = [each for aligned in phases.values() for each in aligned.partings]
    if left_out := sum(each.left_out for each in partings):
        yield (
            f"{left_out} requests of {len(partings)} iterations are not compared request for request:"
            " after an answer that differed, the sides were asked different things"
        )
    if not fresh:
        yield (
            "what is called cold are the first requests of this comparison: the services ran before it, and nobody"
            " knows what they had done"
        )


def _reasons(base: Probe, candidate: Probe, phases: Mapping[Phase, Aligned]) -> Iterator[str]:
    for name, side in _named(base, candidate):
        if side.account.cut_short is not None:
            yield f"the serial probe of the {name} was cut short: {side.account.cut_short}"
        elif not side.answers:
            yield f"the serial probe of the {name} has no answer in it"
    if base.answers and all(each.error is not None for each in base.answers):
        yield "every request of the serial probe of the base failed, so there is nothing to compare with"
    if base.answers and candidate.answers and not any(aligned.pairs for aligned in phases.values()):
        yield "the sides were asked nothing that is the same, though they should have been"
    yield from _silence(phases)


def _silence(phases: Mapping[Phase, Aligned]) -> Iterator[str]:
    """What the base tells of a route and the candidate no more: nobody would see more of it."""
    queries = _silenced(phases, lambda answer: answer.queries)
    trips = [route for route in _silenced(phases, lambda answer: answer.round_trips) if route not in queries]
    for what, routes in (("queries", queries), ("round trips", trips)):
        if routes:
            more = f" and {len(routes) - _NAMED} more routes" if len(routes) > _NAMED else ""
            yield (
                f"the base tells by Server-Timing how many {what} a request makes, and the candidate does not any more,"
                f" of {', '.join(routes[:_NAMED])}{more}: see what became of that header"
            )


def _silenced(phases: Mapping[Phase, Aligned], count: Callable[[Answered], int | None]) -> list[str]:
    """The routes of which the base tells so many, in answers that are alike, and the candidate in none of these."""
    told: dict[str, list[Pair]] = defaultdict(list)
    for aligned in phases.values():
        for route, pairs in aligned.pairs.items():
            told[route] += (pair for pair in pairs if pair.alike and count(pair.base) is not None)
    return sorted(
        route for route, pairs in told.items() if pairs and all(count(pair.candidate) is None for pair in pairs)
    )


def _named(base: Probe, candidate: Probe) -> tuple[tuple[str, Probe], tuple[str, Probe]]:
    return ("base", base), ("candidate", candidate)
