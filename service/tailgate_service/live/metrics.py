"""What live connections are measured by."""

from collections import Counter as Counts
from collections.abc import Iterator

from tailgate_otel import names
from tailgate_otel.exposition import Labels, gauge
from tailgate_otel.histogram import Counter, Histogram

WEBSOCKET, EVENTS = "websocket", "events"
"""Ways to follow: the values of the label ``transport``."""

_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_MICROSECONDS = 1e6


class LiveMetrics:
    """Counts and distributions of one process, as a source of the recorder's page."""

    def __init__(self) -> None:
        self._open: Counts[str] = Counts({WEBSOCKET: 0, EVENTS: 0})
        self._sent = Counter(names.LIVE_EVENTS_SENT, "Events sent to live connections.", (names.LABEL_TRANSPORT,))
        self._cut_off = Counter(
            names.LIVE_CUT_OFF, "Live connections that the service ended, by reason.", (names.LABEL_REASON,)
        )
        self._lag = Histogram(
            names.LIVE_LAG,
            "Time from an event's numbering to its sending, catching up apart.",
            _EDGES,
            (names.LABEL_TRANSPORT,),
            (WEBSOCKET,),
            scale=_MICROSECONDS,
        )
        for transport in (WEBSOCKET, EVENTS):
            self._sent.add((transport,), 0)
            self._lag.cells((transport,))

    def opened(self, transport: str) -> None:
        """One more follows."""
        self._open[transport] += 1

    def closed(self, transport: str) -> None:
        """One follows no more."""
        self._open[transport] -= 1

    def sent(self, transport: str) -> None:
        """An event was sent to one."""
        self._sent.add((transport,))

    def lagged(self, transport: str, seconds: float) -> None:
        """So long after it was numbered was an event sent; by two clocks, so that it may seem to be before."""
        self._lag.observe((transport,), max(0, round(seconds * _MICROSECONDS)))

    def cut_off(self, reason: str) -> None:
        """The service ended one."""
        self._cut_off.add((reason,))

    def text(self, openmetrics: bool) -> Iterator[str]:
        """Every family as it stands."""
        open_now: dict[Labels, float] = {(transport,): count for transport, count in list(self._open.items())}
        yield gauge(names.LIVE_CONNECTIONS, "Live connections.", (names.LABEL_TRANSPORT,), open_now)
        for family in (self._sent, self._cut_off, self._lag):
            yield from family.text(openmetrics)
