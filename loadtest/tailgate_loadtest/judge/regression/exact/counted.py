"""Queries per request, by the service's own count, where the two sides were not asked the same requests.

Every query is counted, so there is no scatter to allow for. But which requests were made differs a little from run to
run, and with it how often a cache answered: a mean that moved is no proof. Proof is that nine in ten of the candidate's
requests ran more queries than nine in ten of the base's did, which no mixture of the same requests brings about, and
one more query in a handler does. The service's histogram has no edge at every number; what lies between two edges
follows from the sum (Markov's inequality, with the edges as the least and the most). Where many requests all lie
between the same two edges and their mean is a whole number, all are taken to have run just so many: of requests that
differ, one mean in as many as there are requests would be whole by chance, on each side.

Of runs made at different times proof stops the change; of a load that both had at once, which was probed before, it is
only shown.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tailgate_loadtest.judge.regression.document import ExactFinding
from tailgate_loadtest.run.server import QueryCounts

MOST = 0.9
"""The share of a side's requests that makes proof."""
ENOUGH = 20
"""Fewer requests of a route prove nothing."""
WHOLE = 100
"""From so many requests on, a mean that is a whole number is no chance."""


def findings(
    base: Sequence[Mapping[str, QueryCounts]], candidate: Sequence[Mapping[str, QueryCounts]], tolerance: float
) -> list[ExactFinding]:
    """Of runs made at different times, a finding for every route whose mean moved.

    What moved by more than ``tolerance`` without proof says so.
    """
    found = []
    for route, before, after in _both(pool(base), pool(candidate)):
        if before.mean == after.mean:
            continue
        at = proof(before, after)
        why = f"queries per request: {before.mean:.4g} before, {after.mean:.4g} now"
        if at is not None:
            why += f": nine in ten of its requests run more than {at} now, and nine in ten ran no more before"
        elif moved(before.mean, after.mean, tolerance):
            why += (
                ", in the mean; that nine in ten of its requests run more than before does not follow from the"
                " service's histogram. `tailgate ab` asks both sides the same requests"
            )
        else:
            why += ", in the mean"
        found.append(_finding(route, before, after, worse=at is not None, blocking=at is not None, why=why))
    return found


def under_load(
    base: Mapping[str, QueryCounts], candidate: Mapping[str, QueryCounts], tolerance: float
) -> list[ExactFinding]:
    """Of one load on both, a finding for every route whose mean moved by more than ``tolerance``; only shown."""
    found = []
    for route, before, after in _both(base, candidate):
        if abs(after.mean - before.mean) > tolerance * max(before.mean, after.mean):
            worse = proof(before, after) is not None
            why = f"{after.mean:.3g} per request instead of {before.mean:.3g}, in the mean of all under load"
            found.append(_finding(route, before, after, worse=worse, blocking=False, why=why))
    return found


def _both(
    base: Mapping[str, QueryCounts], candidate: Mapping[str, QueryCounts]
) -> Iterator[tuple[str, QueryCounts, QueryCounts]]:
    """The routes that both sides were asked for."""
    for route in sorted(base.keys() & candidate.keys()):
        yield route, base[route], candidate[route]


def _finding(
    route: str, before: QueryCounts, after: QueryCounts, *, worse: bool, blocking: bool, why: str
) -> ExactFinding:
    return ExactFinding(
        route=route,
        measure="queries",
        phase="load",
        base=before.mean,
        candidate=after.mean,
        requests=after.requests,
        of=after.requests,
        worse=worse,
        blocking=blocking,
        why=why,
    )


def moved(before: float, after: float, tolerance: float) -> bool:
    """Whether a mean rose by more than is tolerated, so that it is not simply as it was."""
    return after > before * (1 + tolerance) + 1e-9


def pool(runs: Iterable[Mapping[str, QueryCounts]]) -> dict[str, QueryCounts]:
    """All runs of a side in one; an edge that not all histograms have is no edge."""
    whole: dict[str, QueryCounts] = {}
    for run in runs:
        for route, counts in run.items():
            so_far = whole.get(route)
            whole[route] = counts if so_far is None else _added(so_far, counts)
    return whole


def _added(one: QueryCounts, other: QueryCounts) -> QueryCounts:
    return QueryCounts(
        requests=one.requests + other.requests,
        queries=one.queries + other.queries,
        at_most={edge: one.at_most[edge] + other.at_most[edge] for edge in one.at_most.keys() & other.at_most.keys()},
    )


def proof(before: QueryCounts, after: QueryCounts) -> int | None:
    """A number of queries that nine in ten of ``before`` keep and nine in ten of ``after`` exceed, or None."""
    if min(before.requests, after.requests) < ENOUGH:
        return None
    edges = {round(edge) for edge in (*before.at_most, *after.at_most) if math.isfinite(edge)}
    for number in sorted({*edges, math.floor(before.mean), math.ceil(after.mean) - 1}):
        if number >= 0 and _likely_above(before, number)[1] <= 1 - MOST and _likely_above(after, number)[0] >= MOST:
            return number
    return None


def _likely_above(counts: QueryCounts, number: int) -> tuple[float, float]:
    if _all_the_same(counts):
        share = float(counts.mean > number)
        return share, share
    return share_above(counts, number)


def _all_the_same(counts: QueryCounts) -> bool:
    """Whether all requests lie between the same two edges, and their mean is whole."""
    alike = all(at_most in (0, counts.requests) for at_most in counts.at_most.values())
    return alike and counts.requests >= WHOLE and counts.queries % counts.requests == 0


def share_above(counts: QueryCounts, number: int) -> tuple[float, float]:
    """Bounds of the share of requests that ran more than so many queries."""
    n, mean = counts.requests, counts.mean
    edges = sorted(edge for edge in counts.at_most if math.isfinite(edge))
    # All requests ran at least `least` queries, and at most `most`.
    least = max((math.floor(edge) + 1 for edge in edges if counts.at_most[edge] == 0), default=0)
    most = min((edge for edge in edges if counts.at_most[edge] == n), default=math.inf)
    low = max((1 - counts.at_most[edge] / n for edge in edges if edge >= number), default=0.0)
    high = min((1 - counts.at_most[edge] / n for edge in edges if edge <= number), default=1.0)
    if number >= most:
        return 0.0, 0.0
    if number < least:
        return 1.0, 1.0
    # With a share s above, the mean is at least s (number + 1) + (1 - s) least, and at most s most + (1 - s) number.
    high = min(high, (mean - least) / (number + 1 - least))
    low = max(low, (mean - number) / (most - number)) if math.isfinite(most) else low
    return min(low, high), high
