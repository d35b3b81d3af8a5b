"""Traces of two sides that can be compared, though each side keeps its own for reasons.

Of a side that got slower more traces are kept for being slow, so means over all that is kept differ even where requests
do not. Two ways of looking at them are free of that:

- The fair sample of each side: requests traced by a coin thrown before they began. Means over it, such as how often a
  statement runs, are means over all requests.
- Requests that took as long as a side's percentile did. Whether such a one was traced by the coin or for being slow,
  among requests of that length it is one by chance, so their means are those of all such requests. Traces kept for what
  they did, as for an N+1, are left out, unless the coin had chosen them too.

A difference of means is one where it is at least twice its standard error (Welch, "The generalization of 'Student's'
problem when several different population variances are involved", 1947). Held against what the service told of every
request of two runs of the reference API, with faults of 30 ms between them, 17 of 18 such differences were within two
standard errors; the other was of five traces. Where requests wait for seconds for the generator's users, and those of
one length are of many kinds, 5 of 12 were: there the parts that the service told are all that should be believed.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from tailgate_loadtest.judge.regression.why.amounts import milliseconds, signed
from tailgate_loadtest.judge.regression.why.evidence import Evidence
from tailgate_loadtest.judge.regression.why.spent import Kind, Request, Work

LEAST = 5
"""Traces on each side, or nothing is said by them."""
ERRORS = 2.0
"""How many standard errors a difference must be to be one."""
_MOST = 20
_ALIKE = 1.25
"""Requests whose lengths differ by no more than this factor took as long; of those the _MOST nearest are looked at."""
_WORTH = 0.1
"""The least share of a whole that is worth a word."""
_DOUBTFUL = 0.2
"""The share of a difference beyond which its doubt is said."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Of two means, the candidate's less the base's."""

    mean: float
    error: float
    """Its standard error."""

    def __str__(self) -> str:
        """A difference of seconds."""
        doubt, said = ERRORS * self.error, signed(self.mean)
        if doubt <= _DOUBTFUL * abs(self.mean):
            return said
        return f"{said.removesuffix(' ms')} ± {milliseconds(doubt)} ms"

    def is_worth(self, whole: float) -> bool:
        """Whether it is an increase for sure, and a part of ``whole`` worth a word."""
        return self.mean > 0 and self.mean >= max(ERRORS * self.error, _WORTH * whole)


@dataclass(frozen=True, slots=True)
class Traces:
    """Comparable traces of both sides."""

    base: Sequence[Request]
    candidate: Sequence[Request]

    def __str__(self) -> str:
        return f"{len(self.base)} and {len(self.candidate)} traces"

    @property
    def enough(self) -> bool:
        """Whether anything may be said by them; without that there are no differences."""
        return min(len(self.base), len(self.candidate)) >= LEAST

    def lengths(self) -> Difference:
        """Of the requests' seconds."""
        return self._difference(lambda each: each.seconds)

    def queries(self) -> Difference:
        """Of the statements that a request sent."""
        return self._difference(lambda each: float(sum(each.ran.values())))

    def times(self, work: Work) -> Difference:
        """Of how often a request sent a statement."""
        return self._difference(lambda each: float(each.ran.get(work, 0)))

    def spent(self, work: Work) -> Difference:
        """Of the seconds that a request spent on it."""
        return self._difference(lambda each: each.spent.get(work, 0.0))

    def spent_on(self, kind: Kind) -> Difference:
        """Of the seconds that a request spent on all work of a kind."""
        return self._difference(lambda each: sum(s for work, s in each.spent.items() if work.kind == kind))

    def works(self, *kinds: Kind) -> set[Work]:
        """All of these kinds that any of the requests did."""
        every = (work for each in (*self.base, *self.candidate) for work in (*each.spent, *each.ran))
        return {work for work in every if work.kind in kinds}

    def _difference(self, of: Callable[[Request], float]) -> Difference:
        base, candidate = ([of(each) for each in side] for side in (self.base, self.candidate))
        error = math.sqrt(sum(variance(side) / len(side) for side in (base, candidate)))
        return Difference(fmean(candidate) - fmean(base), error)


def fair(base: Evidence, candidate: Evidence) -> Traces:
    """The fair samples of both sides, without requests that failed."""
    return Traces(_fair(base), _fair(candidate))


def as_long(base: Evidence, long: float, candidate: Evidence, as_well: float) -> Traces:
    """Traces of requests that took the seconds given for each side."""
    return Traces(_near(base.traces, long), _near(candidate.traces, as_well))


def around(q: float, base: Evidence, candidate: Evidence) -> Traces:
    """Traces of requests that took as long as each side's percentile ``q`` of its fair sample, where that has one."""
    return Traces(*(_around(q, side) for side in (base, candidate)))


def _fair(side: Evidence) -> list[Request]:
    return [each for each in side.traces if each.fair and not each.failed]


def _around(q: float, side: Evidence) -> list[Request]:
    lengths = sorted(each.seconds for each in _fair(side))
    # Beyond the last of a sample there is no telling where a percentile is.
    if len(lengths) * min(q, 1 - q) < 1:
        return []
    return _near(side.traces, lengths[math.ceil(q * len(lengths)) - 1])


def _near(traces: Iterable[Request], seconds: float) -> list[Request]:
    """Traces of requests that took as long, the nearest ones where there are many."""

    def apart(each: Request) -> float:
        return abs(math.log(each.seconds / seconds))

    usable = [each for each in traces if each.comparable and not each.failed and each.seconds > 0 < seconds]
    return sorted((each for each in usable if apart(each) <= math.log(_ALIKE)), key=apart)[:_MOST]
