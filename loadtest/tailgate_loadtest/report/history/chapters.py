"""A history in chapters: the runs of one profile against one host, whichever machine they were made on."""

from collections.abc import Sequence
from dataclasses import dataclass

from tailgate_loadtest.judge.history import History, RouteRow, RunRow, Series

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """Runs that were put under the same load, the oldest first; only those of one machine can be compared."""

    series: Sequence[Series]
    runs: Sequence[RunRow]

    @property
    def title(self) -> str:
        """The load and where it went."""
        first = self.series[0]
        what = [first.profile or "closed model", first.host, first.variant]
        return ", ".join([*filter(None, what), *([f"{first.side} of two"] if first.side else [])])

    def routes(self, most: int) -> list[str]:
        """Every route, at most so many: first those of the newest run that key objectives name, then the busiest."""
        found: dict[str, None] = {}
        for run in reversed(self.runs):
            keys = {route: place for place, route in enumerate(run.keys)}
            order = sorted(run.routes, key=lambda each: (keys.get(each.route, len(keys)), -each.requests, each.route))
            found.update(dict.fromkeys(each.route for each in order))
            if len(found) >= most:
                break
        return list(found)[:most]

    def machine(self, run: RunRow) -> str:
        """A letter for the run's machine."""
        place = [each.number for each in self.series].index(run.series)
        return _LETTERS[place] if place < len(_LETTERS) else str(place + 1)

    @property
    def machines(self) -> list[tuple[str, str]]:
        """Letter and name of each machine."""
        return [
            (_LETTERS[place] if place < len(_LETTERS) else str(place + 1), each.machine)
            for place, each in enumerate(self.series)
        ]


def chapters(history: History) -> list[Chapter]:
    """All of them, that of the newest run first."""
    kinds: dict[tuple[str | None, ...], list[Series]] = {}
    for series in history.series:
        kind = (series.model, series.profile, series.host, series.variant, series.side)
        kinds.setdefault(kind, []).append(series)
    runs: dict[int, list[RunRow]] = {}
    for run in history.runs:
        runs.setdefault(run.series, []).append(run)
    made = [
        Chapter(
            series=kind,
            runs=sorted((run for each in kind for run in runs[each.number]), key=lambda run: (run.began, run.path)),
        )
        for kind in kinds.values()
    ]
    return sorted(made, key=lambda chapter: -chapter.runs[-1].began)


def of(run: RunRow, route: str) -> RouteRow | None:
    """A run's numbers of a route, where it has any."""
    return next((each for each in run.routes if each.route == route), None)
