"""Which visits' pictures are kept: more are taken, since which visit is the slowest is known only afterwards.

Of each script and lane these remain, of the visits that are judged: the first, the slowest, those nearest to the
median, and the first two that failed. How long a page took is what its visitor felt.
"""

import bisect
from pathlib import Path

from tailgate_loadtest.browser.recording import Visit

MOST = 6
"""Visits of a lane that keep their pictures, besides those that failed."""
MOST_FAILED = 2


class Pictures:
    """The pictures below a bundle's directory, of visits that begin after ``judged_from`` seconds of the run."""

    def __init__(self, directory: Path, judged_from: float = 0.0) -> None:
        self._directory = directory
        self._judged_from = judged_from
        self._lanes: dict[tuple[str, str], _Lane] = {}

    def add(self, visit: Visit) -> None:
        """Take a visit into account, and remove what pictures are not needed any more."""
        superfluous: Visit | None = visit
        if visit.began >= self._judged_from:
            superfluous = self._lanes.setdefault((visit.visit, visit.lane), _Lane()).add(visit)
        if superfluous is not None:
            for path in superfluous.pictures.values():
                (self._directory / path).unlink(missing_ok=True)


class _Lane:
    def __init__(self) -> None:
        self._values: list[float] = []
        self._kept: list[Visit] = []
        self._failed = 0

    def add(self, visit: Visit) -> Visit | None:
        """The visit, of all, whose pictures are not needed any more."""
        if visit.failed is not None:
            self._failed += 1
            return visit if self._failed > MOST_FAILED else None
        bisect.insort(self._values, visit.felt)
        self._kept.append(visit)
        return None if len(self._kept) <= MOST else self._drop()

    def _drop(self) -> Visit:
        slowest = max(self._kept, key=lambda visit: visit.felt)
        median = self._values[(len(self._values) - 1) // 2]
        others = [visit for visit in self._kept[1:] if visit is not slowest]
        dropped = max(others, key=lambda visit: abs(visit.felt - median))
        self._kept.remove(dropped)
        return dropped
