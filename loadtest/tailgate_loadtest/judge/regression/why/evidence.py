"""What a side's bundles say of where the time of its requests went: splits, the service's counts, and traces."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tailgate_loadtest.errors import ANEW, BundleError
from tailgate_loadtest.judge.regression.why.spent import Request, request_of
from tailgate_loadtest.measure.split import PARTS
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import Parts, Splits
from tailgate_loadtest.run.server import SCHEMA as SERVER_SCHEMA
from tailgate_loadtest.run.server import ServerCounters
from tailgate_loadtest.shapes.templates import Templates

_PERCENTILES = ("p50", "p95", "p99")
# {id}, :id, <int:id>, [id] and *: what frameworks write for a part of a path that differs from request to request.
_PARAMETER = re.compile(r"\{[^{}/]*\}|(?<=/):[^/]+|<[^<>/]*>|\[[^\[\]/]*\]|(?<=/)\*[^/]*")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of one route on one side."""

    requests: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    """How requests failed, and how many of them."""
    splits: Splits | None = None
    """By the client's steps, and what the server says of them."""
    queries: float | None = None
    """Per request, as the service counted them."""
    traces: tuple[Request, ...] = ()
    """Of requests of the judged part."""


def evidence(bundles: Sequence[Bundle]) -> dict[str, Evidence]:
    """By route, what a side's bundles say together.

    Raises:
        BundleError: one of them is damaged.
    """
    records = [(bundle, bundle.read_run()) for bundle in bundles]
    routes = sorted({record.route for _, run in records for record in run.routes})
    traces: defaultdict[str, list[Request]] = defaultdict(list)
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    named = _Names(routes)
    for bundle, run in records:
        for request in _requests(bundle):
            route = named.of(request)
            if route is not None and request.at >= run.began + run.measured_from:
                traces[route].append(request)
        for route, counts in _counters(bundle).queries().items():
            counted[route].update(requests=counts.requests, queries=counts.queries)
    found = {}
    for route in routes:
        mine = [record for _, run in records for record in run.routes if record.route == route]
        errors = Counter[str]()
        for record in mine:
            errors.update(record.errors)
        splits = [(record.requests, record.split) for record in mine if record.split is not None]
        found[route] = Evidence(
            requests=sum(record.requests for record in mine),
            errors=errors,
            splits=_together(splits),
            queries=counted[route]["queries"] / counted[route]["requests"] if counted[route]["requests"] else None,
            traces=tuple(traces[route]),
        )
    return found


class _Names:
    """Which of a load's routes a traced request is of, whatever its framework calls it."""

    def __init__(self, routes: Sequence[str]) -> None:
        self._known = set(routes)
        # Of two that differ in their parameters' names only, the first.
        self._alike = {_alike(route): route for route in reversed(routes)}
        self._templates = Templates(route for route in routes if " /" in route)

    def of(self, request: Request) -> str | None:
        if request.route in self._known:
            return request.route
        found = self._alike.get(_alike(request.route))
        return found or (self._templates.match(request.method, request.path) if request.path else None)


def _alike(route: str) -> str:
    """A route by which those are the same that differ in how parameters are written."""
    return _PARAMETER.sub("{}", route).rstrip("/")


def _counters(bundle: Bundle) -> ServerCounters:
    return ServerCounters.of(bundle.read_json("server.json", "tailgate/server/v", SERVER_SCHEMA))


def _requests(bundle: Bundle) -> Iterator[Request]:
    try:
        with bundle.traces.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield request_of(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
                    raise BundleError(
                        f"{bundle.traces}:{number}: is no kept trace ({type(error).__name__}); {ANEW}"
                    ) from error
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{bundle.traces}: cannot be read: {error}") from error


def _together(splits: Sequence[tuple[int, Splits]]) -> Splits | None:
    """The parts of several runs' percentiles, each run by its requests."""
    if not splits:
        return None
    return Splits(**{name: _mean([(weight, getattr(each, name)) for weight, each in splits]) for name in _PERCENTILES})


def _mean(parts: Sequence[tuple[int, Parts]]) -> Parts:
    whole = sum(weight for weight, _ in parts)
    return Parts(
        requests=sum(each.requests for _, each in parts),
        told=sum(each.told for _, each in parts),
        **{part: sum(weight * getattr(each, part) for weight, each in parts) / whole for part in PARTS},
    )
