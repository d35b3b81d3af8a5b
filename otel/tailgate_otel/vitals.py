"""Web Vitals of real visits: beacons that anybody may send, as metrics that nobody can make grow.

>>> vitals = Vitals(VitalsConfig(pages=("/inbox",)))
>>> recorder.show(vitals)
>>> vitals.record(vitals.take(body, client))
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from itertools import product
from math import ceil, inf, log
from types import MappingProxyType

from tailgate_otel import names
from tailgate_otel.beacon import DEVICES, NAVIGATIONS, RATINGS, VITALS, Beacon, read
from tailgate_otel.errors import BeaconRefused, ConfigError
from tailgate_otel.histogram import Counter, Histogram
from tailgate_otel.keep import Bucket

MAX_PAGES = 100
MAX_TIMINGS = 10
"""Of one page; two devices of so many pages and timings are as many series as a histogram may have."""
MAX_CLIENTS = 4096
"""Whose rates are remembered; who came longest ago is forgotten first."""
REASONS = ("late", "rate", "size", "form", "page", "timing", "value")
"""Why a beacon is refused."""

BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"lcp": (2.5, 4.0), "inp": (0.2, 0.5), "cls": (0.1, 0.25), "fcp": (1.8, 3.0), "ttfb": (0.8, 1.8)}
)
"""Up to the first a value is good, above the second it is poor: https://web.dev/articles/vitals."""

_METRICS = MappingProxyType(
    {
        "lcp": (names.WEB_VITAL_LCP, "Time until the largest thing of a page was painted."),
        "inp": (names.WEB_VITAL_INP, "Time from an interaction to the next paint, of the slowest of a view."),
        "cls": (names.WEB_VITAL_CLS, "How much things moved after they were shown, as a score."),
        "fcp": (names.WEB_VITAL_FCP, "Time until the first thing of a page was painted."),
        "ttfb": (names.WEB_VITAL_TTFB, "Time until a page's answer began."),
    }
)
_TIMED_LIKE = "lcp"
"""A moment that a page marks is looked at where its largest thing would be."""
_BY_PAGE = (names.LABEL_PAGE, names.LABEL_DEVICE)
_OTHER = "(other)"
_MILLIONTHS = 1e6
_LAST_EDGE = 60.0
_LONGEST_CLIENT = 64
_MARK = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, kw_only=True)
class VitalsConfig:
    """What beacons may be about, and how many are taken.

    Attributes:
        pages: the templates of pages, as in ``/orders/{id}``.
        timings: page -> names of the moments that it marks, each of ``a-z``, ``0-9`` and ``_``.
        edges: vital or timing -> further edges of its histogram, such as the thresholds of its objectives.
        rate: beacons per second in all, and a second's worth at once.
        client_rate: the same of one client: of an IPv4 address, or an IPv6 network of 64 bits.

    Raises:
        ConfigError: a field is out of its range.

    """

    pages: tuple[str, ...]
    timings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    edges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    rate: float = 200.0
    client_rate: float = 50.0

    def __post_init__(self) -> None:
        _require(0 < len(self.pages) <= MAX_PAGES, f"the number of pages, {len(self.pages)},", f"be 1 to {MAX_PAGES}")
        for page in self.pages:
            _require(page.startswith("/"), f"pages holds {page!r}, which", "begin with a slash")
        for page, marks in self.timings.items():
            _require(page in self.pages, f"timings[{page!r}]", "be of one of the pages")
            several = f"the number of timings[{page!r}], {len(marks)},"
            _require(len(marks) <= MAX_TIMINGS, several, f"be {MAX_TIMINGS} at most")
            for mark in marks:
                cure = "be at most 40 of a-z, 0-9 and _, beginning with a letter"
                _require(bool(_MARK.fullmatch(mark)), f"timings[{page!r}] holds {mark!r}, which", cure)
                _require(mark not in VITALS, f"timings[{page!r}] holds {mark!r}, which", "be no vital's name")
        known = {*VITALS, *(mark for marks in self.timings.values() for mark in marks)}
        for measure, edges in self.edges.items():
            _require(measure in known, f"edges[{measure!r}]", "be of a vital, or of a timing of some page")
            for edge in edges:
                _require(0 < edge < inf, f"edges[{measure!r}] holds {edge}, which", "be finite and above 0")
        for name, rate in (("rate", self.rate), ("client_rate", self.client_rate)):
            _require(0 < rate < inf, f"{name}={rate}", "be a number of beacons per second above 0")

    def marks(self) -> dict[str, tuple[str, ...]]:
        """Every page with the names of the moments that it marks, which may be none."""
        return {page: tuple(self.timings.get(page, ())) for page in self.pages}


class Vitals:
    """Takes beacons, and shows what they come to; a source of the recorder's page.

    Nothing that is sent opens a series: each is there from the start, at 0. ``clock`` tells seconds, steadily.
    """

    def __init__(self, config: VitalsConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._marks = config.marks()
        self._client_rate = config.client_rate
        self._clock = clock
        self._all = Bucket(config.rate, clock())
        self._clients: OrderedDict[str, Bucket] = OrderedDict()
        self._vitals = {
            vital: Histogram(
                metric,
                said,
                (*edges_of(vital), *config.edges.get(vital, ())),
                _BY_PAGE,
                (_OTHER, _OTHER),
                scale=_MILLIONTHS,
            )
            for vital, (metric, said) in _METRICS.items()
        }
        own = (edge for measure, edges in config.edges.items() if measure not in VITALS for edge in edges)
        self._timings = Histogram(
            names.PAGE_TIMING,
            "Time until a moment that a page marked itself.",
            (*edges_of(_TIMED_LIKE), *own),
            (*_BY_PAGE, names.LABEL_TIMING),
            (_OTHER, _OTHER, _OTHER),
            scale=_MILLIONTHS,
        )
        self._ratings = Counter(
            names.WEB_VITAL_RATINGS,
            "Measured vitals, by how they are rated.",
            (names.LABEL_MEASURE, names.LABEL_RATING),
        )
        self._missing = Counter(
            names.WEB_VITAL_MISSING, "Vitals and timings that a view did not tell.", (*_BY_PAGE, names.LABEL_MEASURE)
        )
        self._views = Counter(names.PAGE_VIEWS, "Views of pages that were told.", (*_BY_PAGE, names.LABEL_NAVIGATION))
        self._refused = Counter(names.BEACONS_REFUSED, "Beacons that were not taken, by reason.", (names.LABEL_REASON,))
        self._start()

    def take(self, body: bytes | None, client: str, user_agent: str = "") -> Beacon:
        """The beacon that ``body`` is; ``client`` is the address that sent it.

        A ``body`` of None is one that was not there in the time that it was given.

        Raises:
            BeaconRefused: there are too many, or it is none, or late; which is counted.

        """
        try:
            admitted = self._admitted(body, client)
            return read(admitted, self._marks, synthetic=names.SYNTHETIC_AGENT in user_agent.lower())
        except BeaconRefused as refused:
            self._refused.add((refused.reason,))
            raise

    def record(self, beacon: Beacon) -> None:
        """Count a beacon that was taken; those of load tests tell of nobody, and are not counted."""
        if beacon.synthetic:
            return
        place = (beacon.page, beacon.device)
        self._views.add((*place, beacon.navigation))
        for vital, value in beacon.values.items():
            counted = round(value * _MILLIONTHS)
            self._vitals[vital].observe(place, counted)
            self._ratings.add((vital, _rated(vital, counted)))
        for mark, seconds in beacon.timings.items():
            self._timings.observe((*place, mark), round(seconds * _MILLIONTHS))
        for measure in beacon.missing:
            self._missing.add((*place, measure))

    def text(self, openmetrics: bool) -> Iterator[str]:
        """Every family as it stands."""
        for family in (*self._vitals.values(), self._timings):
            yield from family.text(openmetrics)
        for counter in (self._ratings, self._missing, self._views, self._refused):
            yield from counter.text(openmetrics)

    def _start(self) -> None:
        """Open at 0 whatever there can be: a rate over a series that begins at 1 misses that one."""
        for place in product(self._marks, DEVICES):
            marks = self._marks[place[0]]
            for vital in VITALS:
                self._vitals[vital].cells(place)
            for mark in marks:
                self._timings.cells((*place, mark))
            for measure in (*VITALS, *marks):
                self._missing.add((*place, measure), 0)
            for navigation in NAVIGATIONS:
                self._views.add((*place, navigation), 0)
        for rated in product(VITALS, RATINGS):
            self._ratings.add(rated, 0)
        for reason in REASONS:
            self._refused.add((reason,), 0)

    def _admitted(self, body: bytes | None, client: str) -> bytes:
        if body is None:
            raise BeaconRefused("late", "the beacon was not there in time; send all of it at once", 408)
        now, network = self._clock(), _network(client)
        bucket = self._clients.get(network)
        if bucket is None:
            bucket = self._clients[network] = Bucket(self._client_rate, now)
            if len(self._clients) > MAX_CLIENTS:
                self._clients.popitem(last=False)
        else:
            self._clients.move_to_end(network)
        # In this order: what one client has too many of is not taken from the others.
        if not (bucket.take(now) and self._all.take(now)):
            raise BeaconRefused("rate", "there are too many beacons; leave this one out", 429)
        return body


def edges_of(vital: str) -> tuple[float, ...]:
    """Where the histogram of a vital is cut; seconds, and for ``cls`` its score.

    From half of what is good to past what is poor edges are 5 % apart, so that whichever percentile lies there is read
    within that of the true one; for a fifth of it they are 10 % apart, and beyond half as much again. A score is cut
    every 0.01 at least, as far as anything is decided.
    """
    if vital == "cls":
        thousandths = (0, 1, 2.5, 5, *range(10, 50, 10), *range(50, 120, 5), *range(120, 360, 10))
        return (*(each / 1000 for each in thousandths), 0.4, 0.5, 0.75, 1.0, 2.5, 5.0)
    good, poor = BOUNDS[vital]
    past = 1.25 * poor
    return (
        *_between(good / 100, good / 10, 1.5),
        *_between(good / 10, good / 2, 1.1),
        *_between(good / 2, good, 1.049),
        *_between(good, poor, 1.049),
        *_between(poor, past, 1.049),
        *_between(past, _LAST_EDGE, 1.5),
    )


def _between(low: float, high: float, ratio: float) -> Iterable[float]:
    """Both, and what lies between them in equal ratios of ``ratio`` at most, with four digits."""
    steps = ceil(log(high / low) / log(ratio))
    return (float(f"{low * (high / low) ** (step / steps):.4g}") for step in range(steps + 1))


def _rated(vital: str, counted: int) -> str:
    """By what is counted, so that it agrees with the histogram's edges."""
    good, poor = BOUNDS[vital]
    return RATINGS[(counted > round(good * _MILLIONTHS)) + (counted > round(poor * _MILLIONTHS))]


def _network(client: str) -> str:
    """Of whom a rate is kept: who has an IPv6 address has a network of them."""
    if ":" not in client:
        return client[:_LONGEST_CLIENT]
    try:
        address = IPv6Address(client)
    except ValueError:  # a server that tells names, or a socket's path
        return client[:_LONGEST_CLIENT]
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return address.packed[:8].hex()


def _require(holds: bool, what: str, cure: str) -> None:
    if not holds:
        raise ConfigError(f"{what} must {cure}")
