"""A client of Alertmanager's API, version 2, as far as silences need it.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. Bounded in time and in size, and it follows no
redirection: credentials go to the address that was given.
"""

import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tailgate_otel import names

from tailgate_dashboards.address import read_address, unmoved
from tailgate_dashboards.errors import AlertmanagerError
from tailgate_dashboards.plain import plain

_MAX_BYTES = 1 << 20
_CREATOR = "tailgate"
_AGES_AGO = 3600.0


class Alertmanager:
    """An Alertmanager, or what answers as one (Mimir), at ``url``; ``timeout`` bounds each answer, in seconds.

    ``https://user:password@host/prefix`` is understood. Every method raises AlertmanagerError, whose message names
    the address, without credentials, and the cure.
    """

    def __init__(self, url: str, *, timeout: float = 5.0) -> None:
        address = read_address(url)
        if address is None:
            shown = plain(url.rpartition("@")[2])
            raise AlertmanagerError(f"{shown!r} is no address of an Alertmanager; give one like http://127.0.0.1:9093")
        self.url = address.url
        self._timeout = timeout
        self._headers = {**address.headers, "Accept": "application/json", "Content-Type": "application/json"}
        self._opener = unmoved()

    def silence(self, ids: Sequence[str], *, seconds: float, comment: str) -> str:
        """Silence every alert of the objectives with these ids from now on, for so long. Returns the silence's own id.

        An id is the value of the label sloth_id.
        """
        now = time.time()
        # Its clock may be behind ours. What would have begun before it was asked for begins at once.
        begin = now - _AGES_AGO
        answer = self._ask(
            "POST",
            "silences",
            {
                "matchers": [
                    {
                        "name": names.LABEL_SLO_ID,
                        # It anchors the expression at both ends by itself.
                        "value": "|".join(re.escape(each) for each in ids),
                        "isRegex": True,
                        "isEqual": True,
                    }
                ],
                "startsAt": _moment(begin),
                "endsAt": _moment(now + seconds),
                "createdBy": _CREATOR,
                "comment": comment,
            },
        )
        silence = answer.get("silenceID") if isinstance(answer, dict) else None
        if not isinstance(silence, str):
            raise self._stranger()
        return silence

    def lift(self, silence: str) -> None:
        """End a silence now; one that has ended already is well."""
        self._ask("DELETE", f"silence/{urllib.parse.quote(silence, safe='')}")

    def _ask(self, method: str, path: str, document: Any = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        address = f"{self.url}/api/v2/{path}"
        try:
            request = urllib.request.Request(address, data=body, headers=self._headers, method=method)  # noqa: S310
            with self._opener.open(request, timeout=self._timeout) as response:
                text = self._whole(response)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = plain(str(getattr(error, "reason", error)))
            raise AlertmanagerError(
                f"{self.url}: cannot be asked: {reason}. Start it, or correct the address"
            ) from error
        try:
            return json.loads(text) if text else None
        except (ValueError, RecursionError) as error:
            raise self._stranger() from error

    def _whole(self, response: http.client.HTTPResponse) -> bytes:
        """The answer, if it comes in time and is not too large; each read by itself would never time out."""
        until = time.monotonic() + self._timeout
        text = b""
        while part := response.read1(1 << 16):
            text += part
            if len(text) > _MAX_BYTES:
                raise OSError(f"it answers more than {_MAX_BYTES >> 20} MiB")
            if time.monotonic() > until:
                raise TimeoutError(f"no whole answer within {self._timeout:g} s")
        return text

    def _refusal(self, error: urllib.error.HTTPError) -> AlertmanagerError:
        if error.code in (401, 403):
            return AlertmanagerError(
                f"{self.url}: answers {error.code}: {_reason(error)}. Write credentials into the address, as in"
                " https://user:password@host"
            )
        if 300 <= error.code < 400:
            there = plain(error.headers.get("Location") or "elsewhere")
            return AlertmanagerError(f"{self.url}: answers {error.code}, it is at {there}. Give that address")
        if error.code == http.HTTPStatus.NOT_FOUND:
            return self._stranger()
        return AlertmanagerError(f"{self.url}: answers {error.code}: {_reason(error)}")

    def _stranger(self) -> AlertmanagerError:
        return AlertmanagerError(
            f"{self.url}: what answers there is no Alertmanager of 0.16 or later. Give the address whose"
            " /api/v2/status is its"
        )


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _reason(error: urllib.error.HTTPError) -> str:
    """Its own words, where it has some: a text in JSON, or plainly."""
    try:
        text = error.read(_MAX_BYTES).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return plain(str(error.reason))
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return plain(text or str(error.reason))
    return plain(str(document.get("message", document)) if isinstance(document, dict) else str(document))
