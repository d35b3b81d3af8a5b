"""What response times are made of: the parts of each request, added up by how long requests took.

A request's parts add up to its response time to the nanosecond, and sums are whole numbers: they come out the same in
whatever order requests are added, and by however many processes.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailgate_loadtest.measure import buckets

PARTS = (
    "lag",
    "user",
    "connection",
    "wait",
    "receive",
    "network",
    "pool",
    "database",
    "application",
    "other",
)
"""What a request spent its time on, in the order in which it is told.

lag: the generator was late; user: the arrival waited for a user, being past the bound on users or ahead of its user's
``on_start``; connection: its name was resolved, a connection opened and secured; other: what is left, which is the
client's own work and, of a request that was redirected or sent again, all exchanges but the last.

Where the server says what it did: pool (waiting for a connection to the database while none of the request's queries
ran), database, application, and network for the rest from the send to the last byte; a server that is too busy to begin
looks like a slow network. Elsewhere: wait (from the send to the first byte) and receive (from there to the last). An
answer that comes while the generator's loop stands still is seen when it moves on, so a stall lengthens these as well;
the generator's own health tells of that.
"""

STEPS = 7
"""Columns of a request whose client timed its steps."""
TOLD = 10
"""The same with what the server says."""
UNSAID = -1.0
"""In place of what the server does not say."""

LAST = buckets.LAST >> 5
"""Requests are put together that took as long as each other within 3.2 %: 32 buckets of a histogram."""
_SIDE = 5
"""So many requests on each side of a percentile's own are looked at, where there are so many;"""
_SIDE_SHARE = 0.01
"""and so many of all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """The mean parts of the requests around a percentile."""

    requests: int
    told: int
    """Of these, the ones of which the server said what it did."""
    parts: dict[str, float]
    """Seconds by part; together the mean response time of these requests."""


class Split:
    """The parts of one route's requests, added up by response time."""

    __slots__ = ("sums",)

    def __init__(self, sums: Mapping[int, Iterable[int]] | None = None) -> None:
        self.sums: dict[int, tuple[int, ...]] = {bucket: tuple(row) for bucket, row in (sums or {}).items()}
        """By bucket: how many requests, of how many the server told, and nanoseconds by part."""

    @classmethod
    def of(cls, samples: NDArray[np.float64]) -> "Split":
        """The parts of many requests.

        Args:
            samples: a row per request, in seconds: the moment due, the response time, the service time, and what its
                arrival waited for a user; opening a connection, the wait for the first byte, receiving the rest; where
                the server told, and then TOLD columns instead of STEPS, its pool wait, database and application time,
                each UNSAID where it says nothing of that.

        """
        spans = np.rint(samples.T * 1e9).astype(np.int64)
        response, service, user, connection, wait, receive = spans[1:STEPS]
        told = np.zeros_like(response)
        pool = database = application = network = told
        if len(spans) == TOLD:
            told = (spans[TOLD - 1] >= 0).astype(np.int64)
            pool, database, application = np.maximum(spans[STEPS:], 0)
            # Its times for the pool and for the database overlap where a request did both at once; nothing else can
            # make them more than the client waited. Then it is the queries that it waited for.
            pool = np.maximum(pool - np.maximum(pool + database + application - wait, 0), 0)
            database = np.minimum(database, wait - pool)
            application = np.minimum(application, wait - pool - database)
            wait = wait - pool - database - application
            network = told * (wait + receive)
            wait, receive = (1 - told) * wait, (1 - told) * receive
        late = np.maximum(response - service, 0)
        user = np.minimum(user, late)
        parts = (late - user, user, connection, wait, receive, network, pool, database, application)
        rows = np.empty((2 + len(PARTS), len(response)), dtype=np.int64)
        rows[0], rows[1], left = 1, told, rows[-1]
        left[:] = response
        for part, row in zip(parts, rows[2:-1], strict=True):
            # Each is timed by itself: by a nanosecond or two, together they may be more than the whole.
            np.minimum(part, left, out=row)
            np.subtract(left, row, out=left)
        return cls(_summed(buckets.indices(samples[:, 1]) >> 5, rows))

    @property
    def requests(self) -> int:
        """How many were added."""
        return sum(row[0] for row in self.sums.values())

    def merge(self, other: "Split") -> None:
        """Add all that another has added up."""
        sums = self.sums
        for bucket, row in other.sums.items():
            mine = sums.get(bucket)
            sums[bucket] = row if mine is None else tuple(map(sum, zip(mine, row, strict=True)))

    def around(self, q: float) -> Around | None:
        """The requests around the percentile ``q`` (0 to 1), and what they spent their time on; None of no requests.

        These are the request of the percentile's rank and on each side of it a hundredth of all, at least 5 where there
        are so many. Of requests that took as long as each other within 3.2 % none is told from the others: where the
        first or the last of these ranks is one of them, their mean stands for it.
        """
        requests = self.requests
        if not requests:
            return None
        rank = max(math.ceil(q * requests - 1e-9), 1)
        side = max(_SIDE, math.ceil(_SIDE_SHARE * requests))
        first, last = max(rank - side, 1), min(rank + side, requests)
        seen, chosen = 0, [0.0] * (1 + len(PARTS))
        for bucket in sorted(self.sums):
            among, *row = self.sums[bucket]
            taken = min(seen + among, last) - max(seen, first - 1)
            if taken > 0:
                chosen = [total + each * taken / among for total, each in zip(chosen, row, strict=True)]
            seen += among
        count, (told, *parts) = last - first + 1, chosen
        return Around(
            requests=count,
            told=round(told),
            parts={name: spent / count / 1e9 for name, spent in zip(PARTS, parts, strict=True)},
        )


def _summed(found: NDArray[np.int64], rows: NDArray[np.int64]) -> dict[int, list[int]]:
    """Each row added up by bucket."""
    # Of 16 bits, they are sorted by their digits, which is quicker.
    order = np.argsort(found.astype(np.int16), kind="stable")
    used, starts = np.unique(found[order], return_index=True)
    sums = np.add.reduceat(rows[:, order], starts, axis=1)
    return dict(zip(used.tolist(), sums.T.tolist(), strict=True))
