"""Production's traffic by a counter in its Prometheus, such as a histogram's ``_count`` with a route on it."""

import http.client
import json
import math
import re
import time
import urllib.error
import urllib.parse
from base64 import b64encode
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
from pydantic import BaseModel, ValidationError
from tailgate_otel import names

from tailgate_loadtest.errors import TrafficError
from tailgate_loadtest.measure.fetching import fetch
from tailgate_loadtest.traffic.lines import METHODS
from tailgate_loadtest.traffic.mix import Mix, Route, mixed
from tailgate_loadtest.traffic.series import Series, moment

METRIC = f"{names.HTTP_SERVER_DURATION}_count"
_MOST_POINTS = 10_000
"""Of one series; Prometheus itself refuses more than 11,000."""
_SCRAPES = 4
"""Scrapes that a step holds at the least, so that one that failed leaves no hole in a rate."""
_MAX_BYTES = 64 * 1024 * 1024
_TIMEOUT = 60.0
_LONGEST = 200
"""Characters of a route."""
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_NO_ROUTE = ("", names.UNKNOWN_ROUTE, names.OTHER_ROUTE)


@dataclass(frozen=True, kw_only=True)
class Counter:
    """Which series count the requests."""

    metric: str = METRIC
    match: str = ""
    """Label matchers, as they stand between braces."""
    method: str = names.LABEL_METHOD
    route: str = names.LABEL_ROUTE

    def __post_init__(self) -> None:
        for what, name in (("--metric", self.metric), ("--method-label", self.method), ("--route-label", self.route)):
            if not _NAME.fullmatch(name):
                raise TrafficError(f"{what} {name!r}: is no name of Prometheus; give one like {METRIC}")

    @property
    def selector(self) -> str:
        """As PromQL has it."""
        return f"{self.metric}{{{self.match}}}"


class _Found(BaseModel):
    """One series of an answer: one value of it or several, each after its time."""

    metric: dict[str, str]
    value: tuple[float, float] = (0.0, 0.0)
    values: tuple[tuple[float, float], ...] = ()


class _Data(BaseModel):
    result: list[_Found]


class _Answer(BaseModel):
    data: _Data


class Prometheus:
    """A ``Source``: what a Prometheus says of the ``since`` seconds up to ``until``, by default up to now."""

    def __init__(self, url: str, counter: Counter, *, since: float, until: float | None = None) -> None:
        """Ask for nothing yet.

        Raises:
            TrafficError: the address is none of the web's, or the time is too short.
        """
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TrafficError("--prometheus: must be an address like http://127.0.0.1:9090")
        if since < 60:
            raise TrafficError(f"--since {since:g}s: is too short; a profile needs a minute at least")
        host = parts.netloc.rpartition("@")[2]
        self._base = urllib.parse.urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._headers = {"Accept": "application/json"}
        if parts.username is not None:
            pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        self._counter = counter
        self._since = since
        self._until = float(math.floor(time.time() if until is None else until))
        self._scrape = 0.0

    def series(self) -> Series:
        """Requests in each step; a step holds a few scrapes."""
        self._scrape = self._interval()
        step = float(max(math.ceil(_SCRAPES * self._scrape), math.ceil(self._since / _MOST_POINTS)))
        steps = int(self._since // step)
        if steps < 1:
            raise TrafficError(
                f"{self._base}: is scraped every {self._scrape:g} s, so --since must be {step:g}s at the least"
            )
        start = self._until - steps * step
        answer = self._ask(
            "query_range",
            query=f"sum(rate({self._counter.selector}[{step:.0f}s]))",
            start=f"{start + step:.3f}",
            end=f"{self._until:.3f}",
            step=f"{step:.0f}",
        )
        counts = np.zeros(steps)
        for at, rate in answer[0].values if answer else ():
            i = round((at - start) / step) - 1
            if 0 <= i < steps and math.isfinite(rate):
                counts[i] = rate * step
        held = np.flatnonzero(counts)
        if not len(held):
            raise TrafficError(f"{self._base}: {self._counter.selector} counts no request since {moment(start)}")
        # What is before the first request and after the last was not scraped, or not there yet.
        first, last = int(held[0]), int(held[-1])
        return Series(start=start + first * step, step=step, counts=counts[first : last + 1])

    def mix(self, stretch: Series) -> Mix:
        """What was asked in exactly that stretch."""
        method, route = self._counter.method, self._counter.route
        end = stretch.start + stretch.seconds
        answer = self._ask(
            "query",
            query=f"sum by ({method}, {route}) (increase({self._counter.selector}[{stretch.seconds:.0f}s]))",
            time=f"{end:.3f}",
        )
        found: dict[tuple[str, str], float] = {}
        without, foreign = f"without a route in the label {route}", f"of no usual method in the label {method}"
        left_out = {without: 0.0, foreign: 0.0}
        for each in answer:
            requests = each.value[1]
            if not math.isfinite(requests) or requests <= 0:
                continue
            key = (each.metric.get(method, "").upper(), _plain(each.metric.get(route, "")))
            if key[1] in _NO_ROUTE:
                left_out[without] += requests
            elif key[0] not in METHODS:
                left_out[foreign] += requests
            else:
                found[key] = found.get(key, 0.0) + requests
        routes = [Route(method=key[0], template=key[1], requests=n, queried=None) for key, n in found.items()]
        return mixed(routes, left_out, f"{moment(stretch.start)} to {moment(end)}")

    def notes(self) -> list[str]:
        """What was asked for, and what it cannot say."""
        return [
            f"Counted by {_plain(self._counter.selector)} in a Prometheus that scrapes every {self._scrape:g} s.",
            "Whether a route is asked for with a query cannot be seen in metrics.",
        ]

    def _interval(self) -> float:
        """Seconds between two scrapes of the series that has the most."""
        window = f"{self._since:.0f}s"
        most = self._ask("query", query=f"topk(1, count_over_time({self._counter.selector}[{window}]))")
        if not most:
            raise TrafficError(
                f"{self._base}: has no series {self._counter.selector} in the last {window}; name yours by --metric"
                " and --match"
            )
        labels = ",".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in most[0].metric.items())
        samples = self._ask("query", query=f"{self._counter.metric}{{{labels}}}[{window}]")
        times = [at for each in samples for at, _ in each.values]
        if len(times) < 2:
            raise TrafficError(f"{self._base}: {self._counter.selector} has been scraped only once in {window}")
        return float(median(after - before for before, after in pairwise(times)))

    def _ask(self, path: str, **query: str) -> list[_Found]:
        """The result of one query.

        Raises:
            TrafficError: Prometheus cannot be reached, or refuses.
        """
        if path == "query":
            query.setdefault("time", f"{self._until:.3f}")
        address = f"{self._base}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            body = fetch(address, self._headers, within=_TIMEOUT, most=_MAX_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                raise TrafficError(f"{self._base}: answers {error.code} {_reason(error)}".rstrip()) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = getattr(error, "reason", error)
            raise TrafficError(f"{self._base}: cannot be asked: {why}; --match and --since ask for less") from error
        try:
            return _Answer.model_validate_json(body).data.result
        except ValidationError as error:
            raise TrafficError(f"{self._base}: what answers there is no Prometheus") from error


def _reason(error: urllib.error.HTTPError) -> str:
    """Prometheus's own words, where it has some."""
    try:
        document = json.loads(error.read(64 * 1024))
        return f"{document['errorType']}: {document['error']}"
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, RecursionError):
        return str(error.reason)


def _plain(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)[:_LONGEST]
