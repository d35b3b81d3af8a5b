"""A client of Alertmanager's API, version 2, as far as silences need it.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. Bounded in time and in size.
"""

import http.client
import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tailgate_otel import names

from tailgate_dashboards.address import no_address, read_address, shown
from tailgate_dashboards.asking import Refusal, ask
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
            raise AlertmanagerError(no_address(url, "an Alertmanager", "http://127.0.0.1:9093"))
        self.url = address.url
        self._timeout = timeout
        self._headers = {**address.headers, "Accept": "application/json", "Content-Type": "application/json"}

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
            text = ask(request, timeout=self._timeout, most=_MAX_BYTES)
        except Refusal as refusal:
            raise self._refused(refusal) from refusal
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = plain(str(getattr(error, "reason", error)))
            raise AlertmanagerError(
                f"{self.url}: cannot be asked: {reason}. Start it, or correct the address"
            ) from error
        try:
            return json.loads(text) if text else None
        except (ValueError, RecursionError) as error:
            raise self._stranger() from error

    def _refused(self, error: Refusal) -> AlertmanagerError:
        if error.code in (401, 403):
            return AlertmanagerError(
                f"{self.url}: answers {error.code}: {_reason(error)}. Write credentials into the address, as in"
                " https://user:password@host"
            )
        if 300 <= error.code < 400:
            there = shown(error.location)
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


def _reason(error: Refusal) -> str:
    """Its own words, where it has some: a text in JSON, or plainly."""
    text = error.text.decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return plain(text or str(error))
    return plain(str(document.get("message", document)) if isinstance(document, dict) else str(document))
