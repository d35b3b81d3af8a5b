"""What is known of some times, in seconds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

SHARE = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """How long each call took. Raises ``ValueError`` for none."""

    seconds: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.seconds:
            raise ValueError("there are no times")

    def percentile(self, share: float) -> float:
        """The smallest of the times that at least ``share`` of them do not exceed (nearest rank)."""
        return sorted(self.seconds)[max(math.ceil(share * len(self.seconds) - 1e-9), 1) - 1]

    def interval(self, share: float, confidence: float = 0.95) -> tuple[float, float]:
        """Between which two of the times the percentile of all calls that could be made lies with ``confidence``.

        By order statistics, which ask for no distribution: how many of n calls fall below the true percentile is
        binomial (Conover, Practical Nonparametric Statistics, 3.2). With too few calls it is open: 0, or infinite.
        """
        ordered, n = sorted(self.seconds), len(self.seconds)
        tail, cumulated = (1 - confidence) / 2, _at_most(n, share)
        # With k calls below it, the percentile is at least the k-th time and at most the next.
        least = sum(chance <= tail for chance in cumulated)
        most = sum(chance < 1 - tail for chance in cumulated)
        return ordered[least - 1] if least else 0.0, ordered[most] if most < n else math.inf

    def sureness(self, limit: float, share: float = SHARE) -> float:
        """With what confidence ``share`` of all calls that could be made take less than ``limit``."""
        within = sum(each < limit for each in self.seconds)
        return _at_most(len(self.seconds), share)[within - 1] if within else 0.0


def times(seconds: Sequence[float]) -> Times:
    """The times of some calls."""
    return Times(seconds=tuple(seconds))


def _at_most(n: int, p: float) -> list[float]:
    """The chances that of n independent trials, each a success with chance p, at most 0, 1, ... n succeed."""
    logs = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p)
        for k in range(n + 1)
    )
    return list(accumulate(math.exp(each) for each in logs))
