"""How a locustfile's arguments become bytes on the wire."""

import json as json_module
from base64 import b64encode
from collections.abc import Mapping
from email.message import Message
from typing import Any
from urllib.parse import urlencode

from tailgate_otel.names import HEADER_RUN_SECRET

from tailgate_loadtest.engine.http.errors import Unsupported
from tailgate_loadtest.engine.http.response import Response


class SetCookies:
    """What http.cookiejar asks of an answer."""

    def __init__(self, response: Response) -> None:
        self._message = Message()
        for value in response.raw(b"set-cookie"):
            self._message["set-cookie"] = value

    def info(self) -> Message:
        """The headers."""
        return self._message


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


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Headers as they are sent. Raises Unsupported where one would end its line early."""
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if text.count("\r\n") != len(headers) or text.count("\n") != len(headers):
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
