"""What a benchmark ends in: figures with their intervals and goals, and the raw measurements they come from."""

import json
import math
import statistics
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scipy.special import betaincinv

from benchmarks.revision import current

_RAW = Path(__file__).parent / "raw"
_RECORDED = Path(__file__).parent / "recorded"
"""The recordings that the repository keeps, so that anybody can judge them anew."""
_CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number that was promised."""

    name: str
    value: float
    low: float
    high: float
    goal: float
    sense: Literal["<=", ">="] = "<="
    """Which side of the goal is the good one."""

    @property
    def met(self) -> bool:
        """Whether the value is on the good side; what is not a number is on neither."""
        return self.value <= self.goal if self.sense == "<=" else self.value >= self.goal

    def __str__(self) -> str:
        value, low, high = (f"{each:.4g}" for each in (self.value, self.low, self.high))
        fate = "met" if self.met else "missed"
        return f"figure {self.name} = {value} [{low}, {high}] goal {self.sense} {self.goal:.4g} {fate}"


def of_rounds(name: str, values: Sequence[float], goal: float, sense: Literal["<=", ">="] = "<=") -> Figure:
    """The figure of a measurement that was repeated: its median, and the median's interval."""
    low, high = interval(values)
    return Figure(name=name, value=statistics.median(values), low=low, high=high, goal=goal, sense=sense)


def of_share(name: str, hits: Sequence[bool], goal: float, sense: Literal["<=", ">="] = "<=") -> Figure:
    """The figure of how many of all, with the exact interval of 95 % (Clopper & Pearson, Biometrika 26, 1934)."""
    k, n, tail = sum(hits), len(hits), (1 - _CONFIDENCE) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k else 0.0
    high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return Figure(name=name, value=k / n if n else math.nan, low=low, high=high, goal=goal, sense=sense)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The shortest interval between two of the values that holds the median of all with 95 % or more.

    By order statistics, which ask for no distribution: the k-th smallest and the k-th largest of n miss the median
    with twice the chance that a fair coin shows fewer than k heads in n throws (Conover, Practical Nonparametric
    Statistics, 3.2). Below six values nothing reaches 95 %; then it is their whole spread.
    """
    ordered, n = sorted(values), len(values)
    k = 1
    while k < (n + 1) // 2 and 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n <= 1 - _CONFIDENCE:
        k += 1
    return ordered[k - 1], ordered[-k]


class Raw:
    """Measurements on disk, a line each, so that a benchmark that was broken off goes on where it was.

    They belong to one commit and to one set of settings; with changes that are not committed nobody could tell what
    was measured, so then all is measured anew, as it is once all was there.

    Where what is kept is a recording, it may be one ``of`` an earlier commit, which this one but judges: then nothing
    is measured that is not there.
    """

    def __init__(self, name: str, *, of: str | None = None, **settings: Hashable) -> None:
        self.revision = current()
        self._of = of
        told = "".join(f"-{key}{value}" for key, value in sorted(settings.items()))
        self._file = _RAW / f"{name}-{of or self.revision}{told}.jsonl"
        if of:
            kept = (self._complete, self._file, _RECORDED / self._file.name)
            if (found := next((file for file in kept if file.exists()), None)) is None:
                raise SystemExit(f"{self._file.name}: nothing was recorded so at {of}")
            self._file = found
        if not of and self.revision.changed:
            self._file.unlink(missing_ok=True)
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        self._kept: dict[str, Any] = dict(json.loads(line) for line in lines)

    def measured(self, key: str, measure: Callable[[], Any]) -> Any:
        """What ``measure`` finds, as JSON keeps it; from disk when it has been measured already."""
        if key not in self._kept:
            if self._of:
                raise SystemExit(
                    f"{self._file.name}: {key} was not recorded: record it with the checkout at {self._of}"
                )
            found = measure()
            _RAW.mkdir(exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, found]) + "\n")
            self._kept[key] = found
        return self._kept[key]

    def complete(self) -> None:
        """All is measured."""
        if not self._of:
            self._file.replace(self._complete)

    @property
    def _complete(self) -> Path:
        return self._file.with_suffix(".complete.jsonl")
