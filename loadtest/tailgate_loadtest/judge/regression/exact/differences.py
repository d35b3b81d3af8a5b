"""What differs of one route in one phase, by one measure: in which requests, whether for the worse, and by how much.

Answers of different statuses have nothing but that compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from tailgate_loadtest.judge.regression.exact.aligned import Pair, Parting, Place
from tailgate_loadtest.measure.probe import Answered

FEW = 16
"""Bytes of an answer by which two numbers or moments may differ in length."""
COMPRESSED = 0.05
"""The share by which an answer may differ in how far it is compressed: random ids compress differently."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """See above. ``base`` and ``candidate`` are per request; of a status, the first that differs."""

    worse: AbstractSet[Place]
    better: AbstractSet[Place]
    neither: AbstractSet[Place] = frozenset()
    of: int
    """How many were compared."""
    base: float
    candidate: float
    why: str

    @property
    def is_worse(self) -> bool:
        """In sum."""
        return len(self.worse) > len(self.better)

    @property
    def places(self) -> tuple[AbstractSet[Place], ...]:
        """Which requests differ, and how."""
        return self.worse, self.better, self.neither

    @property
    def requests(self) -> int:
        """How many differ."""
        return sum(map(len, self.places))


def of_status(pairs: Sequence[Pair]) -> Difference | None:
    """Worse is a failure that was none: by its status, or because the locustfile says so."""
    differing = [pair for pair in pairs if not pair.alike]
    if not differing:
        return None
    worse = [pair for pair in differing if _failed(pair.candidate) and not _failed(pair.base)]
    better = [pair for pair in differing if _failed(pair.base) and not _failed(pair.candidate)]
    first = (worse or differing)[0]
    return Difference(
        worse=_places(worse),
        better=_places(better),
        neither=_places(differing) - _places([*worse, *better]),
        of=len(pairs),
        base=float(first.base.status or 0),
        candidate=float(first.candidate.status or 0),
        why=f"{_said(first.candidate)} instead of {_said(first.base)}",
    )


def of_queries(pairs: Sequence[Pair]) -> Difference | None:
    """Worse is more of them in sum; what a side does not tell is not compared."""
    return _of_counts({pair.place: (pair.base.queries, pair.candidate.queries) for pair in pairs if pair.alike})


def of_round_trips(pairs: Sequence[Pair]) -> Difference | None:
    """The same; those left alone that only came with the queries."""
    trips = {pair.place: (pair.base.round_trips, pair.candidate.round_trips) for pair in pairs if pair.alike}
    queries = {pair.place: (pair.base.queries, pair.candidate.queries) for pair in pairs if pair.alike}
    return _of_counts(trips, {place for place in trips if _more(*trips[place]) == _more(*queries[place])})


def _more(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def _of_counts(
    told: Mapping[Place, tuple[int | None, int | None]], alone: AbstractSet[Place] = frozenset()
) -> Difference | None:
    counts = {
        place: (before, after) for place, (before, after) in told.items() if before is not None and after is not None
    }
    more = {place for place, (before, after) in counts.items() if after > before} - alone
    fewer = {place for place, (before, after) in counts.items() if after < before} - alone
    if not more and not fewer:
        return None
    base, candidate = (sum(each) / len(counts) for each in zip(*counts.values(), strict=True))
    changes = {counts[place] for place in more | fewer}
    before, after = counts[min(more or fewer)]
    # Where some requests need more and some fewer, their sum decides what all of them are.
    return Difference(
        worse=more if candidate > base else frozenset(),
        better=fewer if candidate < base else frozenset(),
        neither=more | fewer if candidate == base else fewer if candidate > base else more,
        of=len(counts),
        base=base,
        candidate=candidate,
        why=f"{'such as ' if len(changes) > 1 else ''}{after} instead of {before}",
    )


def of_size(pairs: Sequence[Pair]) -> Difference | None:
    """Worse is a larger answer: as it was sent or, where that says nothing, before it was compressed."""
    alike = [pair for pair in pairs if pair.alike]
    changes = {pair.place: by for pair in alike if (by := _sent(pair) or _held(pair))}
    if not changes:
        return None
    changed = [pair for pair in alike if pair.place in changes]
    sent = any(_sent(pair) for pair in changed)
    sizes = [
        (before, after)
        for pair in alike
        for before, after in [_sizes(pair, "wire" if sent else "body")]
        if before is not None and after is not None
    ]
    base, candidate = (sum(each) / len(sizes) for each in zip(*sizes, strict=True))
    compressed = any(pair.base.encoding or pair.candidate.encoding for pair in changed)
    kind = "before they are compressed" if compressed and not sent else "as sent"
    how = {
        f"{pair.candidate.encoding or 'not compressed'} instead of {pair.base.encoding or 'not compressed'}"
        for pair in changed
        if pair.candidate.encoding != pair.base.encoding
    }
    why = [f"{candidate:.0f} bytes {kind} instead of {base:.0f}, in the mean", *sorted(how)]
    return Difference(
        worse=frozenset(place for place, by in changes.items() if by > 0),
        better=frozenset(place for place, by in changes.items() if by < 0),
        of=len(sizes),
        base=base,
        candidate=candidate,
        why=": ".join(why),
    )


def of_partings(partings: Sequence[Parting], of: int) -> Difference:
    """Worse is an iteration that is broken off."""
    broken = [each for each in partings if each.broken_off is not None]
    count = len(partings)
    words = sorted({str(each.broken_off) for each in broken})
    why = (
        f"broken off: {', '.join(words)}" if broken else "other requests follow, though all answers had the same status"
    )
    return Difference(
        worse=frozenset(each.place for each in broken),
        better=frozenset(),
        neither=frozenset(each.place for each in partings if each.broken_off is None),
        of=of,
        base=sum(each.base for each in partings) / count,
        candidate=sum(each.candidate for each in partings) / count,
        why=why,
    )


def _failed(answer: Answered) -> bool:
    return answer.error is not None or (answer.status or 0) >= 400


def _said(answer: Answered) -> str:
    return answer.error or (f"HTTP {answer.status}" if answer.status else "an answer")


def _places(pairs: Iterable[Pair]) -> frozenset[Place]:
    return frozenset(pair.place for pair in pairs)


def _sizes(pair: Pair, size: Literal["wire", "body"]) -> tuple[int | None, int | None]:
    return (pair.base.wire, pair.candidate.wire) if size == "wire" else (pair.base.body, pair.candidate.body)


def _sent(pair: Pair) -> int:
    """By how many bytes more it was sent, if that is more than compressing explains."""
    before, after = _sizes(pair, "wire")
    if before is None or after is None:
        return 0
    return after - before if abs(after - before) > max(FEW, COMPRESSED * before) else 0


def _held(pair: Pair) -> int:
    """By how many bytes more there are in it, if that is more than a few."""
    before, after = _sizes(pair, "body")
    if before is None or after is None:
        return 0
    return after - before if abs(after - before) > FEW else 0
