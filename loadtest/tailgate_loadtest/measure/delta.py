"""What was counted in a stretch of a load.

Deltas add up to the same whole in whatever order, and cross to whoever keeps the whole: the same process, or the master
of several.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from tailgate_loadtest.errors import DeltaError
from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.measure.slowest import SLOWEST, Slow, Slowest
from tailgate_loadtest.measure.split import LAST as LAST_SPLIT
from tailgate_loadtest.measure.split import PARTS, Split

LONGEST = 8 * 24 * 3600
"""No second of a load is later than this."""
_LONGEST_NAME = 300
_TRACE_ID = re.compile("(?:[0-9a-f]{32})?")

Key = tuple[int, str, Kind]
"""A second since the load began, a route, and what was counted of it."""


@dataclass(slots=True)
class Delta:
    """Counts since the last delta."""

    counts: dict[Key, Histogram] = field(default_factory=dict)
    errors: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Per route, how its requests failed."""
    begun: Counter[str] = field(default_factory=Counter)
    """Per persona, the arrivals that a user began."""
    asked: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Per persona and route, the requests that came of them."""
    unstarted: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Per persona, when the arrivals were due that never came to a request."""
    recent: Histogram = field(default_factory=Histogram)
    """Every response time and age of what is waited for, the warm-up's too: for a look at the load, and no verdict."""
    exceptions: Counter[str] = field(default_factory=Counter)
    """Exceptions that tasks raised, by class."""
    warmup_requests: int = 0
    folded: list[str] = field(default_factory=list)
    """Examples of routes that fell into (other)."""
    splits: dict[str, Split] = field(default_factory=lambda: defaultdict(Split))
    """Per route, what the times of its judged requests are made of, where their client times their steps."""
    slowest: Slowest = field(default_factory=Slowest)
    """Judged requests that may be among the slowest of all."""

    def add(self, other: "Delta") -> None:
        """Count what another has counted."""
        for key, histogram in other.counts.items():
            self.counts.setdefault(key, Histogram()).merge(histogram)
        for route, errors in other.errors.items():
            self.errors[route].update(errors)
        self.begun.update(other.begun)
        for persona, asked in other.asked.items():
            self.asked[persona].update(asked)
        for persona, dues in other.unstarted.items():
            self.unstarted[persona] += dues
        self.recent.merge(other.recent)
        self.exceptions.update(other.exceptions)
        self.warmup_requests += other.warmup_requests
        self.folded += [route for route in other.folded if route not in self.folded]
        for route, split in other.splits.items():
            self.splits[route].merge(split)
        self.slowest.merge(other.slowest.sorted())

    def plain(self) -> dict[str, Any]:
        """The same in lists, texts and numbers."""
        return {
            "counts": [[*key, _flat(histogram)] for key, histogram in self.counts.items()],
            "errors": {route: dict(errors) for route, errors in self.errors.items()},
            "begun": dict(self.begun),
            "asked": {persona: dict(asked) for persona, asked in self.asked.items()},
            "unstarted": dict(self.unstarted),
            "recent": _flat(self.recent),
            "exceptions": dict(self.exceptions),
            "warmup_requests": self.warmup_requests,
            "folded": self.folded,
            "splits": {
                route: [[bucket, *row] for bucket, row in split.sums.items()] for route, split in self.splits.items()
            },
            "slowest": [list(slow) for slow in self.slowest.sorted()],
        }

    @classmethod
    def of(cls, plain: Any) -> Self:
        """What ``plain`` wrote.

        Raises:
            DeltaError: something else was sent; the message says at what.
        """
        try:
            delta = cls(
                recent=_histogram(plain["recent"]),
                exceptions=_counter(plain["exceptions"]),
                begun=_counter(plain["begun"]),
                warmup_requests=_number(plain["warmup_requests"]),
                folded=[_name(route) for route in plain["folded"][:3]],
            )
            for second, route, kind, flat in plain["counts"]:
                if _number(second) > LONGEST:
                    raise DeltaError(f"second {second} is after any load's end")
                delta.counts[second, _name(route), Kind(kind)] = _histogram(flat)
            for route, errors in plain["errors"].items():
                delta.errors[_name(route)] = _counter(errors)
            for persona, asked in plain["asked"].items():
                delta.asked[_name(persona)] = _counter(asked)
            for persona, dues in plain["unstarted"].items():
                delta.unstarted[_name(persona)] = [float(due) for due in dues]
            for route, rows in plain["splits"].items():
                delta.splits[_name(route)] = _split(rows)
            delta.slowest.merge(_slow(slow) for slow in plain["slowest"][:SLOWEST])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DeltaError(f"is no delta: {type(error).__name__}: {error}") from error
        return delta


def _flat(histogram: Histogram) -> list[int]:
    return [number for pair in histogram.counts.items() for number in pair]


def _histogram(flat: Iterable[Any]) -> Histogram:
    numbers = [_number(number) for number in flat]
    if len(numbers) % 2 or any(bucket > buckets.LAST for bucket in numbers[::2]):
        raise DeltaError("holds a histogram that is none")
    return Histogram(dict(zip(numbers[::2], numbers[1::2], strict=True)))


def _split(rows: Iterable[Any]) -> Split:
    sums = {}
    for bucket, *row in rows:
        if _number(bucket) > LAST_SPLIT or len(row) != 2 + len(PARTS):
            raise DeltaError("holds a split that is none")
        sums[bucket] = [_number(each) for each in row]
        if not sums[bucket][0] or sums[bucket][1] > sums[bucket][0]:
            raise DeltaError("holds a split of no request, or more told than there were")
    return Split(sums)


def _slow(plain: Any) -> Slow:
    response, due, route, error, trace_id = plain
    slow = Slow(_seconds(response), _seconds(due), _name(route), _name(error), _name(trace_id))
    if not _TRACE_ID.fullmatch(slow.trace_id):
        raise DeltaError(f"holds {slow.trace_id[:60]!r} where a trace id belongs")
    return slow


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= LONGEST:
        raise DeltaError(f"holds {str(value)[:60]!r} where seconds belong")
    return float(value)


def _counter(plain: dict[str, Any]) -> Counter[str]:
    return Counter({_name(name): _number(count) for name, count in plain.items()})


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise DeltaError(f"holds {value!r} where a count belongs")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        raise DeltaError(f"holds {str(value)[:60]!r} where a name belongs")
    return value
