"""A client of Prometheus's HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/.

Bounded in time and in size.
"""

import http.client
import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar

from tailgate_dashboards.address import no_address, read_address, shown
from tailgate_dashboards.asking import Refusal, TooLargeError, ask
from tailgate_dashboards.errors import OverloadError, PrometheusError, RefusedError
from tailgate_dashboards.plain import plain

from .values import Line, Sample, read_labels, read_lines, read_samples, read_texts

_Read = TypeVar("_Read")

_MAX_BYTES = 64 << 20
# How Prometheus says that a query asks for too much at once; half as long a range may do.
_TOO_MUCH = ("too many samples", "maximum resolution", "timed out", "timeout")


class Prometheus:
    """A Prometheus, or what answers as one (Mimir, Thanos), at ``url``; ``timeout`` bounds each answer, in seconds.

    ``https://user:password@host/prefix`` is understood. Every method raises PrometheusError, whose message names
    the address, without credentials, and the cure.
    """

    def __init__(self, url: str, *, timeout: float = 60.0) -> None:
        address = read_address(url)
        if address is None:
            raise PrometheusError(no_address(url, "a Prometheus", "http://127.0.0.1:9090"))
        self.url = address.url
        self._timeout = timeout
        self._headers = {**address.headers, "Accept": "application/json"}

    def query(self, promql: str, at: float | None = None) -> list[Sample]:
        """The value of an expression at a moment, now by default."""
        parameters = {"query": promql, "timeout": f"{self._timeout:g}s"}
        if at is not None:
            parameters["time"] = f"{at:.3f}"
        return self._ask("query", parameters, read_samples)

    def samples(self, selector: str, at: float) -> list[Line]:
        """The samples of the series that a selector with a range, such as ``up[5m]``, matches up to a moment."""
        return self._ask(
            "query", {"query": selector, "time": f"{at:.3f}", "timeout": f"{self._timeout:g}s"}, read_lines
        )

    def query_range(self, promql: str, start: float, end: float, step: float) -> list[Line]:
        """The value of an expression at ``start``, and every ``step`` seconds up to ``end``.

        Raises OverloadError where the Prometheus finds it too much at once.
        """
        parameters = {
            "query": promql,
            "start": f"{start:.3f}",
            "end": f"{end:.3f}",
            "step": f"{step:.3f}",
            "timeout": f"{self._timeout:g}s",
        }
        return self._ask("query_range", parameters, read_lines)

    def series(self, match: str, start: float, end: float) -> list[dict[str, str]]:
        """The labels of every series that a selector matches between two moments."""
        parameters = {"match[]": match, "start": f"{start:.3f}", "end": f"{end:.3f}"}
        return self._ask("series", parameters, lambda data: [read_labels(each) for each in data])

    def label_values(self, label: str, match: str | None = None) -> list[str]:
        """The values of a label, of all series or of those that a selector matches, sorted."""
        path = f"label/{urllib.parse.quote(label, safe='')}/values"
        if match is not None:
            path += "?" + urllib.parse.urlencode({"match[]": match})
        return self._ask(path, None, read_texts)

    def _ask(self, path: str, form: dict[str, str] | None, read: Callable[[Any], _Read]) -> _Read:
        body = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            request = urllib.request.Request(f"{self.url}/api/v1/{path}", data=body, headers=self._headers)  # noqa: S310
            text = ask(request, timeout=self._timeout, most=_MAX_BYTES)
        except Refusal as refusal:
            raise self._refused(refusal) from refusal
        except TooLargeError as error:
            raise OverloadError(f"{self.url}: answers more than {_MAX_BYTES >> 20} MiB; ask for less") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise OverloadError(f"{self.url}: no whole answer within {self._timeout:g} s; ask for less") from error
            raise PrometheusError(
                f"{self.url}: cannot be asked: {plain(str(reason))}. Start it, or correct the address"
            ) from error
        try:
            document = json.loads(text)
            return read(document["data"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise PrometheusError(
                f"{self.url}: what answers there is no Prometheus. Give the address whose /api/v1/query is its"
            ) from error

    def _refused(self, refusal: Refusal) -> PrometheusError:
        reason = _reason(refusal)
        if refusal.code in (401, 403):
            return PrometheusError(
                f"{self.url}: answers {refusal.code}: {reason}. Write credentials into the address, as in"
                " https://user:password@host"
            )
        if 300 <= refusal.code < 400:
            there = shown(refusal.location)
            return PrometheusError(f"{self.url}: answers {refusal.code}, it is at {there}. Give that address")
        said = f"{self.url}: answers {refusal.code}: {reason}"
        if any(words in reason for words in _TOO_MUCH):
            return OverloadError(said)
        return RefusedError(said) if refusal.code in (400, 422) else PrometheusError(said)


def _reason(refusal: Refusal) -> str:
    """Prometheus's own words, where it has some."""
    try:
        document = json.loads(refusal.text)
        return plain(f"{document['errorType']}: {document['error']}")
    except (ValueError, KeyError, TypeError, RecursionError):
        return plain(str(refusal))
