"""A service's metrics page, read whole or not at all: bounded in time and in size."""

import base64
import http.client
import urllib.error
from collections.abc import Mapping
from itertools import chain, islice
from urllib.parse import unquote, urlsplit, urlunsplit

from prometheus_client.parser import text_string_to_metric_families

from tailgate_loadtest.errors import CountersError, PlanError
from tailgate_loadtest.measure.fetching import fetch

Sample = tuple[str, Mapping[str, str], float]

MAX_SAMPLES = 50_000
_MAX_BYTES = 8 << 20
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
            text = fetch(self._asked, self._headers, within=_TIMEOUT, most=_MAX_BYTES)
            families = text_string_to_metric_families(text.decode("utf-8"))
            samples = chain.from_iterable(family.samples for family in families)
            return [(s.name, dict(s.labels), float(s.value)) for s in islice(samples, MAX_SAMPLES + 1)]
        except urllib.error.HTTPError as error:
            with error:
                raise CountersError(f"it answers {error.code}{_there(error)}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise CountersError(str(getattr(error, "reason", error))) from error


def _there(error: urllib.error.HTTPError) -> str:
    """Where it is instead, as far as the server: what follows may be a secret."""
    try:
        there = urlsplit(error.headers.get("Location") or "")
    except ValueError:
        return ""
    host = there.netloc.rpartition("@")[2]
    return f", it is at {there.scheme}://{host}: give the address there" if host else ""
