"""Production's traffic by its access logs: counted by the second, and by route and hour, in one pass."""

import re
from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np

from tailgate_loadtest.errors import TrafficError
from tailgate_loadtest.shapes.templates import Templates
from tailgate_loadtest.traffic.files import called, lines
from tailgate_loadtest.traffic.folding import Folding, Leaf
from tailgate_loadtest.traffic.lines import Hit, hit
from tailgate_loadtest.traffic.mix import Mix, Route, mixed
from tailgate_loadtest.traffic.series import Series, moment

MOST_MALFORMED = 0.1
"""Share of lines that may be unreadable; past it, what is read may be anything."""
SHORTEST = 60
"""Seconds that the logs must span."""
LONGEST = 92 * 24 * 3600
"""Seconds that they may span: all of them are held, at four bytes each."""
_HOUR = 3600
# Answers that say there is no such route; what asks for them is often a scanner, with a thousand names of its own.
_NO_ROUTE = (404, 405)


class AccessLog:
    """Everything that was counted; a ``Source``."""

    def __init__(self, names: Sequence[str], templates: Templates | None = None) -> None:
        """Read these files whole; ``-`` is standard input. With ``templates``, only those become routes.

        Raises:
            TrafficError: a file cannot be read, too many lines of it cannot, or they hold too little or too much time.
        """
        if len(set(names)) < len(names):
            raise TrafficError("--access-log: the same file is given twice, and would be counted twice")
        self._templates = templates
        self._folding = Folding()
        self._matched: dict[str, Leaf] = {}
        self._left_out: dict[str, Counter[int]] = {}
        self._hours: dict[int, array[int]] = {}
        self._lines = self._malformed = self._empty = 0
        for name in names:
            self._read(name)
        self._files = len(names)
        if not self._hours:
            raise TrafficError(f"{', '.join(map(called, names))}: holds no request")
        self._series = self._build()
        if self._series.seconds < SHORTEST:
            raise TrafficError(
                f"{', '.join(map(called, names))}: spans {self._series.seconds:.0f} s; a profile needs a minute at"
                " least, and an hour or a day to be worth much"
            )

    def series(self) -> Series:
        """Requests in each second from the first to the last."""
        return self._series

    def mix(self, stretch: Series) -> Mix:
        """What was asked in the clock hours that a stretch touches."""
        first, last = int(stretch.start) // _HOUR, int(stretch.start + stretch.seconds - 1) // _HOUR
        hours = range(first, last + 1)

        def within(counts: Counter[int]) -> int:
            return sum(count for hour, count in counts.items() if hour in hours)

        if self._templates is None:
            found = list(self._folding.templates())
        else:
            parts = ((route.partition(" "), leaf) for route, leaf in self._matched.items())
            found = [(method, template, leaf) for (method, _, template), leaf in parts]
        routes = [
            Route(
                method=method,
                template=template,
                requests=within(leaf.hours),
                queried=leaf.queried / leaf.hours.total(),
            )
            for method, template, leaf in found
        ]
        left_out = {reason: within(counts) for reason, counts in self._left_out.items()}
        over = f"the clock hours from {moment(first * _HOUR)} to {moment((last + 1) * _HOUR)}"
        return mixed(routes, left_out, over)

    def notes(self) -> list[str]:
        """How much was read, and how."""
        logs = "an access log" if self._files == 1 else f"{self._files} access logs"
        count = f"{self._lines} lines, of which {self._malformed} could not be read and {self._empty} hold no request"
        notes = [f"Counted from {logs}: {count}."]
        if self._templates is None:
            notes.append(
                "Paths were folded into templates by what their segments look like and how many different ones there"
                " are; look whether the routes are yours, or give --openapi."
            )
        return notes

    def _read(self, name: str) -> None:
        number = malformed = 0
        example: tuple[int, bytes] | None = None
        for number, line in enumerate(lines(name), 1):
            found = hit(line)
            if found is None:
                malformed += 1
                example = example or (number, line)
            elif not found.method:
                self._empty += 1
            else:
                self._count(found, name)
        if example is not None and malformed > number * MOST_MALFORMED:
            at, text = example
            raise TrafficError(
                f"{called(name)}: {malformed} of {number} lines are no access log in Common, Combined or JSON format,"
                f" first line {at}, of the form {_form(text)} (letters and digits replaced)"
            )
        self._lines += number
        self._malformed += malformed

    def _count(self, found: Hit, name: str) -> None:
        hour, second = divmod(found.second, _HOUR)
        seconds = self._hours.get(hour)
        if seconds is None:
            self._hours[hour] = seconds = array("I", bytes(4 * _HOUR))
            if (max(self._hours) - min(self._hours) + 1) * _HOUR > LONGEST:
                raise TrafficError(
                    f"{called(name)}: with it the logs run from {moment(min(self._hours) * _HOUR)} to"
                    f" {moment(max(self._hours) * _HOUR)}, which is more than {LONGEST // 86400} days; give the part"
                    " that matters"
                )
        seconds[second] += 1
        leaf = self._leaf(found)
        if isinstance(leaf, str):
            self._left_out.setdefault(leaf, Counter())[hour] += 1
            return
        leaf.hours[hour] += 1
        leaf.queried += found.queried

    def _leaf(self, found: Hit) -> Leaf | str:
        """Where to count a request, or the reason why it is on no route."""
        if self._templates is not None:
            route = self._templates.match(found.method, found.path)
            return "on no route of the OpenAPI file" if route is None else self._matched.setdefault(route, Leaf())
        if found.status in _NO_ROUTE:
            return "answered 404 or 405"
        return self._folding.leaf(found.method, found.path) or "on a path past the bound on different paths"

    def _build(self) -> Series:
        first, last = min(self._hours), max(self._hours)
        counts = np.zeros((last - first + 1) * _HOUR)
        for hour, seconds in self._hours.items():
            counts[(hour - first) * _HOUR : (hour - first + 1) * _HOUR] = seconds
        held = np.flatnonzero(counts)
        return Series(start=float(first * _HOUR + held[0]), step=1.0, counts=counts[held[0] : held[-1] + 1])


def _form(line: bytes) -> str:
    """The look of a line without what it says: it may be anybody's data, or a secret."""
    text = re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"[0-9]", "9", line[:120].decode("latin-1"))))
    return repr("".join(each if each.isascii() else "?" for each in text) + ("..." if len(line) > 120 else ""))
