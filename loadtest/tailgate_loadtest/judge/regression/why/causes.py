"""Why a route got worse: how many more queries, which, and what a percentile's time went to, in words.

Three witnesses, each for what it knows best. The service's counters have every request, so they say how many queries
there are. The splits have every request as well, by the client's clock and, where the service tells, by its own: they
say how much of a percentile's difference is the database, the wait for a connection, the application, the network.
Only traces know statements, and of them there are few (``comparable.py``); where those are too few, that is said.
"""

from collections import Counter

from tailgate_loadtest.judge.regression.document import Measure
from tailgate_loadtest.judge.regression.why.amounts import called, number
from tailgate_loadtest.judge.regression.why.comparable import LEAST, fair
from tailgate_loadtest.judge.regression.why.evidence import Evidence
from tailgate_loadtest.judge.regression.why.portions import CURE, portions

_MORE = 0.1
_MORE_SHARE = 0.02
"""So many more queries a request, and such a share more, are said to be more."""
_ALL = 0.9
"""The share of the additional queries that one statement must have to be all of them."""
_NAMED = 3


def causes(measure: Measure, base: Evidence, candidate: Evidence) -> tuple[str, ...]:
    """Why a measure of a route got worse, most first; a clause each, to stand after what got worse and by how much.

    Args:
        measure: what got worse.
        base: what is known of the route on one side.
        candidate: and on the other.

    """
    if measure == "failures":
        return _failures(base, candidate)
    time, queries = portions(measure, base, candidate), more_queries(base, candidate)
    if queries is None:
        return (time.text,)
    return (queries, time.text) if time.by_queries else (time.text, queries)


def more_queries(base: Evidence, candidate: Evidence) -> str | None:
    """How many more queries there are, and which, as a clause; None where there are not."""
    traces = fair(base, candidate)
    before, after = base.queries, candidate.queries
    if before is None or after is None:
        if not traces.enough or not traces.queries().is_worth(0):
            return None
        before, after = (
            sum(sum(each.ran.values()) for each in side) / len(side) for side in (traces.base, traces.candidate)
        )
    more = after - before
    if more < max(_MORE, _MORE_SHARE * before):
        return None
    said = f"{number(more)} more {'query' if number(more) == '1' else 'queries'} a request"
    said += f" ({number(before)} → {number(after)})"
    if not traces.enough:
        return f"{said}; which is not known: there are {traces} taken by chance, and {LEAST} of each are needed"
    found = [(traces.times(work), traces.spent(work).mean, work) for work in traces.works("database")]
    worth = [each for each in found if each[0].is_worth(more)]
    # Of those that are as many, the one first that takes the longest.
    worth.sort(key=lambda each: (-round(each[0].mean, 1), -each[1], each[2].text))
    if not worth:
        return f"{said}; which, {traces} do not tell"
    named = [(called(work, traces.candidate), times.mean) for times, _, work in worth[:_NAMED]]
    (first, times), *_ = named
    if times >= _ALL * more:
        return f"{said}, {'all ' if more > 1.5 else ''}{first}"
    left = f", and {len(worth) - _NAMED} more" if len(worth) > _NAMED else ""
    return f"{said}: {', '.join(f'{name} +{number(times)}' for name, times in named)}{left}"


def _failures(base: Evidence, candidate: Evidence) -> tuple[str, ...]:
    """How requests fail that did not, and where."""
    shares = [(error, _share(base, error), _share(candidate, error)) for error in sorted(candidate.errors)]
    worse = sorted((each for each in shares if each[2] > each[1]), key=lambda each: each[1] - each[2])
    said = [
        f"{' '.join(error.split())}: {one:.2%} → {other:.2%} of the requests" for error, one, other in worse[:_NAMED]
    ]
    failed = [each for each in candidate.traces if each.failed]
    where = Counter((work, error) for each in failed for work, error in each.errors.items())
    for (work, error), times in where.most_common(_NAMED):
        said.append(f"{called(work, failed)} failed with {error} in {times} of {len(failed)} traces of failed requests")
    return tuple(said) or (f"how the requests failed is not known: {CURE}",)


def _share(side: Evidence, error: str) -> float:
    return side.errors.get(error, 0) / side.requests if side.requests else 0.0
