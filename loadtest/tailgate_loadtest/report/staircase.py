"""Why a visit took as long as it did: the requests of its trace as the service saw them, along the visit's own time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.report import show
from tailgate_loadtest.report.waterfall import Row, Trace

MAX_REQUESTS = 24
MAX_SPANS = 30
"""Of the one request that the page waited for longest."""
_APART = 0.25
"""Seconds by which a request may seem to begin before its visit, or to end after what waited for it.

Different processes say when each of them was.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the picture; in percent of the time until the page was whole."""

    kind: str
    """request, mark, or the kind of a span: query, transaction, wait or other."""
    name: str
    start: float
    width: float
    words: str
    """How long it took; of a mark, when it was."""
    trace: int | None = None
    """Which of the page's traces it is, from 1."""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Staircase:
    """A visit with its requests."""

    visit: Visit
    seconds: float
    """Until the page was whole."""
    steps: tuple[Step, ...]
    more: int
    """Requests that are not shown."""
    why: str
    """What the page waited for, in words."""


def staircase(visit: Visit, traces: Sequence[Trace]) -> Staircase:
    """A visit's requests among the page's traces, and the spans of that which ended last before the page was whole."""
    whole = visit.felt
    own = [(place, trace) for place, trace in enumerate(traces, 1) if trace.id == visit.trace_id]
    own = [(place, trace) for place, trace in own if trace.at >= visit.began - _APART]
    own.sort(key=lambda each: each[1].at)
    begun = _begun(visit, [trace for _, trace in own])
    awaited = [(place, trace) for place, trace in own if trace.at - begun <= whole]
    # A live connection ends only when the page is left: nobody waited for that.
    ended = [trace for _, trace in awaited if trace.at + trace.seconds - begun <= whole + _APART]
    last = max(ended, key=lambda trace: trace.at + trace.seconds, default=None)
    steps: list[Step] = []
    for place, trace in awaited[:MAX_REQUESTS]:
        steps.append(_step("request", trace.route, trace.at - begun, trace.seconds, whole, trace=place))
        if trace is last:
            steps += (
                _step(row.kind, row.name, trace.at - begun + row.start, row.length, whole, failed=row.failed)
                for row in trace.rows[:MAX_SPANS]
            )
    steps += _marks(visit, whole)
    return Staircase(visit, whole, tuple(steps), max(len(awaited) - MAX_REQUESTS, 0), _why(len(ended), last))


def _begun(visit: Visit, traces: Iterable[Trace]) -> float:
    """When the page itself was asked for, in seconds since the load began, by the service's clock as all its requests.

    Its document may have waited long before the service took it up: its first byte came when it was answered.
    """
    document = next((trace for trace in traces if trace.route == f"GET {visit.page}"), None)
    if document is None:
        return visit.began
    waited = max(visit.values.get("ttfb", 0.0) - document.seconds, 0.0)
    return max(document.at - waited, min(visit.began, document.at))


def _step(
    kind: str, name: str, start: float, length: float, whole: float, *, trace: int | None = None, failed: bool = False
) -> Step:
    left, right = (_percent(value, whole) for value in (start, start + length))
    return Step(kind, name, left, round(right - left, 3), show.latency(length), trace, failed)


def _marks(visit: Visit, whole: float) -> Iterable[Step]:
    marks = [("LCP", visit.values["lcp"])] if "lcp" in visit.values else []
    for name, at in sorted([*marks, *visit.timings.items()], key=lambda each: each[1]):
        # It ends where it stands: at the very right there would be nothing to be seen of it.
        yield Step("mark", name, max(_percent(at, whole) - 0.4, 0.0), 0.4, show.latency(at))


def _percent(value: float, whole: float) -> float:
    return round(min(max(100 * value / whole, 0.0), 100.0), 3) if whole > 0 else 0.0


def _why(ended: int, last: Trace | None) -> str:
    if last is None:
        return (
            "What its requests were made of is not known: of none of them a trace came here. The embedded service"
            " sends its traces to the run; another does where tailgate.yaml says service: traces."
        )
    asked = f"{ended} requests" if ended != 1 else "one request"
    words = f"Until then the service answered {asked}. The last to end was {last.route}: {show.latency(last.seconds)}"
    parts = []
    if last.queries is not None:
        parts.append(f"{last.queries} {'query' if last.queries == '1' else 'queries'}")
    for kind, meaning in (("query", "in the database"), ("wait", "waiting for a connection to it")):
        if seconds := covered(row for row in last.rows if row.kind == kind):
            parts.append(f"{show.latency(seconds)} {meaning}")
    return f"{words}, of it {', '.join(parts)}." if parts else f"{words}."


def covered(rows: Iterable[Row]) -> float:
    """Seconds in which at least one of these spans ran."""
    total, reached = 0.0, 0.0
    for row in sorted(rows, key=lambda row: row.start):
        end = row.start + row.length
        total += max(end - max(row.start, reached), 0.0)
        reached = max(reached, end)
    return total
