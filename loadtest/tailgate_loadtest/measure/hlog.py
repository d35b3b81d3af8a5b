"""HdrHistogram's interval log, version 1.3, with a tag per route and kind.

One line is one second of one route and kind. A second may have several lines of a tag; they add up.
"""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tailgate_loadtest.errors import ANEW, BundleError, HistogramError
from tailgate_loadtest.measure import codec
from tailgate_loadtest.measure.histogram import Histogram, merged
from tailgate_loadtest.measure.kinds import Kind, tag, untag

_COLUMNS = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'


class LogWriter:
    """Writes intervals as they close; what is written is complete after every line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def begin(self, start: float, title: str) -> None:
        """Write the head; ``start`` is the moment from which seconds count, since the epoch."""
        file = self._file
        when = dt.datetime.fromtimestamp(start, dt.UTC).isoformat(timespec="seconds")
        file.write(f"#[{title}; times in nanoseconds, maxima in milliseconds]\n")
        file.write("#[Histogram log format version 1.3]\n")
        file.write(f"#[BaseTime: {start:.3f} (seconds since epoch)]\n")
        file.write(f"#[StartTime: {start:.3f} (seconds since epoch), {when}]\n")
        file.write(_COLUMNS + "\n")

    def write(self, second: int, route: str, kind: Kind, histogram: Histogram) -> None:
        """Write one second of one route and kind; ``second`` counts from the log's start."""
        most = histogram.maximum() * 1e3
        self._file.write(f"Tag={tag(route, kind)},{second:.3f},1.000,{most:.3f},{codec.encode(histogram)}\n")

    def flush(self) -> None:
        """Hand everything written to the operating system."""
        self._file.flush()


@dataclass(frozen=True, slots=True)
class Interval:
    """One line of a log."""

    second: int
    route: str
    kind: Kind
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class Line:
    """One line of anybody's log."""

    number: int
    """Counted from 1, heads and comments included."""
    start: float
    """Seconds as written: since the log's base time, where it names one."""
    length: float
    tag: str | None
    histogram: Histogram


def lines(path: Path, *, growing: bool = False) -> Iterator[Line]:
    """The lines of an interval log, whoever wrote it: tagged by whatever or not at all.

    Of a log that is ``growing`` a last line that is not finished yet does not count.

    The format is that of github.com/HdrHistogram/HdrHistogram (HistogramLogWriter, HistogramLogReader). Histograms of
    another resolution than ours, and those of before the V2 encoding, are refused by name.

    Raises:
        BundleError: the file is missing or a line is damaged; the message names the line.
    """
    try:
        file = path.open(encoding="utf-8")
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        try:
            for number, line in enumerate(file, 1):
                if line.startswith(("#", '"')) or not line.strip():
                    continue
                if growing and not line.endswith("\n"):
                    return
                yield _line(path, number, line.rstrip("\n"))
        except UnicodeDecodeError as error:
            raise BundleError(f"{path}: is no histogram log: {error.reason} at byte {error.start}") from error


def _line(path: Path, number: int, text: str) -> Line:
    tag_of_it, fields = None, text.split(",")
    if fields[0].startswith("Tag="):
        tag_of_it = fields.pop(0).removeprefix("Tag=")
    if len(fields) != 4:
        raise BundleError(f"{path}:{number}: is no line of a histogram log; was the file cut short? {ANEW}")
    try:
        start, length = float(fields[0]), float(fields[1])
        if not 0 <= start < math.inf:
            raise BundleError(f"{path}:{number}: {fields[0]} is no moment in seconds")
        return Line(number, start, length, tag_of_it, codec.decode(fields[3]))
    except (HistogramError, ValueError) as error:
        raise BundleError(f"{path}:{number}: {error}; was the file cut short? {ANEW}") from error


def read(path: Path, *, growing: bool = False) -> Iterator[Interval]:
    """The intervals of a run's log, in file order; of one that is ``growing``, those that are whole.

    Raises:
        BundleError: the file is missing, a line is damaged, or its tag names no route and kind of time.
    """
    for line in lines(path, growing=growing):
        if line.tag is None:
            raise BundleError(f"{path}:{line.number}: has no tag, so it is of no route; a run's log tags every line")
        try:
            route, kind = untag(line.tag)
        except HistogramError as error:
            raise BundleError(f"{path}:{line.number}: {error}") from error
        yield Interval(int(line.start), route, kind, line.histogram)


def mend(path: Path) -> bool:
    """Cut off a last line that was never finished, as a writer that was killed leaves one. Says whether there was one.

    Raises:
        BundleError: the file cannot be mended.
    """
    try:
        with path.open("rb+") as file:
            kept = file.read().rfind(b"\n") + 1
            cut = file.seek(0, 2) > kept
            file.truncate(kept)
    except OSError as error:
        raise BundleError(f"{path}: cannot be mended: {error.strerror}") from error
    return cut


class LatencyLog:
    """A whole log in memory: per route and kind, a histogram per second."""

    def __init__(self, intervals: Iterable[Interval]) -> None:
        self._seconds: dict[tuple[str, Kind], dict[int, Histogram]] = defaultdict(dict)
        for interval in intervals:
            seconds = self._seconds[interval.route, interval.kind]
            # Into one of its own: who gave the interval may need it as it is.
            seconds.setdefault(interval.second, Histogram()).merge(interval.histogram)

    @classmethod
    def load(cls, path: Path) -> "LatencyLog":
        """Read a log from disk; raises BundleError."""
        return cls(read(path))

    @classmethod
    def so_far(cls, path: Path) -> "LatencyLog":
        """What is there of a log that is being written; raises BundleError."""
        return cls(read(path, growing=True))

    @property
    def all_routes(self) -> list[str]:
        """Every route, sorted."""
        return sorted({route for route, _ in self._seconds})

    @property
    def routes(self) -> list[str]:
        """Every route with anything but set-up requests, sorted."""
        return sorted({route for route, kind in self._seconds if kind is not Kind.SETUP})

    def seconds(self, route: str | None, kind: Kind) -> dict[int, Histogram]:
        """Per second, the histogram of a route and kind; of all routes together when ``route`` is None."""
        if route is not None:
            return dict(self._seconds.get((route, kind), {}))
        together: dict[int, Histogram] = defaultdict(Histogram)
        for (_, of), seconds in self._seconds.items():
            if of is kind:
                for second, histogram in seconds.items():
                    together[second].merge(histogram)
        return dict(together)

    def whole(self, route: str | None, kind: Kind) -> Histogram:
        """All seconds of a route and kind in one histogram."""
        return merged(self.seconds(route, kind).values())
