"""A service's metrics page, read whole or not at all: bounded in time and in size."""

import base64
import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from itertools import chain, islice
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from prometheus_client.parser import text_string_to_metric_families

from tailgate_loadtest.errors import CountersError, PlanError

Sample = tuple[str, Mapping[str, str], float]

MAX_SAMPLES = 50_000
_MAX_BYTES = 8 << 20
_PIECE = 1 << 20
_TIMEOUT = 5.0


class Page:
    """The page at ``url``; ``https://user:password@host/metrics?token=...`` is understood.

    Raises PlanError where that is no address. What it says does not show it: it may hold a secret.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            what = "what was given" if set(url) & set("@?#") else repr(url)
            raise PlanError(
                f"--metrics: {what} is no address; give one like http://127.0.0.1:9464/metrics, with / and # and ? in"
                " a password written as %2F, %23 and %3F"
            )
        host = parts.netloc.rpartition("@")[2]
        self.address = urlunsplit((parts.scheme, host, parts.path, "", ""))
        """For people and files: without credentials, and without the query, which may be one."""
        self._asked = urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
        self._headers = {"Accept": "text/plain;version=0.0.4"}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def read(self) -> list[Sample]:
        """The samples that it shows now, one more than `MAX_SAMPLES` at the most. Raises CountersError."""
        try:
            text = _within(_TIMEOUT, self._fetch)
            families = text_string_to_metric_families(text.decode("utf-8"))
            samples = chain.from_iterable(family.samples for family in families)
            return [(s.name, dict(s.labels), float(s.value)) for s in islice(samples, MAX_SAMPLES + 1)]
        except urllib.error.HTTPError as error:
            with error:
                raise CountersError(f"it answers {error.code}{_there(error)}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise CountersError(str(getattr(error, "reason", error))) from error

    def _fetch(self) -> bytes:
        request = urllib.request.Request(self._asked, headers=self._headers)  # noqa: S310 - http or https, as was seen
        with urllib.request.build_opener(_SameServer()).open(request, timeout=_TIMEOUT) as response:
            parts, size = [], 0
            while part := response.read1(_PIECE):
                parts.append(part)
                size += len(part)
                if size > _MAX_BYTES:
                    raise OSError(f"it is larger than {_MAX_BYTES >> 20} MiB")
            return b"".join(parts)


class _SameServer(urllib.request.HTTPRedirectHandler):
    """Follows to another path, as from /metrics to /metrics/; credentials go to no other server."""

    def redirect_request(self, req: urllib.request.Request, *more: Any) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(more[-1])
        if (before.scheme, before.netloc) != (after.scheme, after.netloc):
            return None
        return super().redirect_request(req, *more)


def _there(error: urllib.error.HTTPError) -> str:
    """Where it is instead, as far as the server: what follows may be a secret."""
    try:
        there = urlsplit(error.headers.get("Location") or "")
    except ValueError:
        return ""
    host = there.netloc.rpartition("@")[2]
    return f", it is at {there.scheme}://{host}: give the address there" if host else ""


def _within(seconds: float, work: Callable[[], bytes]) -> bytes:
    """What ``work`` returns or raises; TimeoutError when it takes longer.

    Time limits of sockets hold for each read, so that whoever sends a byte a second is waited for without end.
    """
    found: list[bytes] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True, name="metrics page")
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError(f"no whole answer within {seconds:g} s")
    return found[0]
