"""How a locustfile's arguments become bytes on the wire."""

import json as json_module
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from tailgate_otel.names import HEADER_RUN_SECRET

from tailgate_loadtest.engine.http.errors import Unsupported

_MAX_HEADS = 500


def body_of(data: str | bytes | Mapping[str, Any] | None, json: Any) -> tuple[bytes, str | None]:
    """A body and, where it says itself, its type. Raises Unsupported for what is no body."""
    if data is None or data == "":
        return (b"", None) if json is None else (json_module.dumps(json).encode(), "application/json")
    if isinstance(data, str):
        return data.encode(), None
    if isinstance(data, bytes | bytearray):
        return bytes(data), None
    if isinstance(data, Mapping):
        return urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"
    raise Unsupported(f"a body of type {type(data).__name__}: give str, bytes or a mapping, or use FastHttpUser")


class Heads:
    """A session's headers as lines: its defaults, and with them what each request adds."""

    def __init__(self, defaults: Mapping[str, str]) -> None:
        self._defaults = {name.lower(): value for name, value in defaults.items()}
        self._known: dict[tuple[object, ...], bytes] = {}
        self.plain = _lines(self._defaults)
        """The defaults alone."""

    def add(self, headers: Mapping[str, str]) -> "Heads":
        """The same with more defaults."""
        return Heads({**self._defaults, **headers})

    def lines(self, headers: Mapping[str, str] | None, auth: tuple[str, str] | None, kind: str | None) -> bytes:
        """The lines of a request. Raises Unsupported where a header would end its line early."""
        if not headers and auth is None and kind is None:
            return self.plain
        # Most requests of a persona have the same headers as its last one.
        key = (kind, auth and tuple(auth), *(headers.items() if headers else ()))
        known = self._known.get(key)
        if known is not None:
            return known
        given = {name.lower(): value for name, value in (headers or {}).items()}
        if auth:
            given["authorization"] = basic_auth(*auth)
        if kind:
            given.setdefault("content-type", kind)
        lines = _lines({**self._defaults, **given})
        # 1 and True would be found for one another; text is found for text alone.
        if len(self._known) < _MAX_HEADS and all(isinstance(value, str) for value in given.values()):
            self._known[key] = lines
        return lines


def _lines(headers: Mapping[str, str]) -> bytes:
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if text.count("\r\n") != len(headers) or text.count("\n") != len(headers) or text.count("\r") != len(headers):
        raise Unsupported("a header with a line break in it")
    return text.encode("latin-1")


def without_credentials(head: bytes) -> bytes:
    """The same lines, but for those that prove who we are."""
    return b"".join(
        line + b"\r\n"
        for line in head.split(b"\r\n")
        if line and line.partition(b":")[0] not in (b"authorization", b"cookie", HEADER_RUN_SECRET.encode())
    )


def basic_auth(user: str, password: str) -> str:
    """The value of a Basic authorization."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def refusal(unsupported: Mapping[str, Any]) -> str:
    """What is said of an argument that this client does not have."""
    name = next(iter(unsupported))
    return f"{name}= is not supported by this client; FastHttpUser or HttpUser of Locust has what it lacks"
