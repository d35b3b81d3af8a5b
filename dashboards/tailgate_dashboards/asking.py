"""One question by HTTP: bounded in time and in size, and led nowhere else."""

import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TypeVar

from .address import unmoved

_Found = TypeVar("_Found")

_PIECE = 1 << 20
_MAX_REASON = 64 << 10


class Refusal(Exception):  # noqa: N818 - a server's answer, which its client makes an error of
    """An answer other than 2xx: its status, the beginning of what it says, and where it sends us."""

    def __init__(self, error: urllib.error.HTTPError) -> None:
        super().__init__(str(error.reason))
        self.code = error.code
        self.location: str | None = error.headers.get("Location")
        with error:
            self.text = error.read(_MAX_REASON)


class TooLargeError(OSError):
    """An answer is larger than was allowed."""


def ask(request: urllib.request.Request, *, timeout: float, most: int) -> bytes:
    """The answer, if it comes whole within ``timeout`` seconds and has ``most`` bytes at the most.

    No redirection is followed: credentials go to the address that was given.

    Raises Refusal, TooLargeError, TimeoutError, and whatever else OSError, HTTPException and ValueError stand for.
    """
    return within(timeout, lambda: _ask(request, timeout, most))


def _ask(request: urllib.request.Request, timeout: float, most: int) -> bytes:
    parts, size = [], 0
    try:
        with unmoved().open(request, timeout=timeout) as response:
            while part := response.read1(_PIECE):
                parts.append(part)
                size += len(part)
                if size > most:
                    raise TooLargeError(f"it answers more than {most >> 20} MiB")
    except urllib.error.HTTPError as error:
        raise Refusal(error) from error
    return b"".join(parts)


def within(seconds: float, work: Callable[[], _Found]) -> _Found:
    """What ``work`` returns or raises; TimeoutError when it takes longer.

    The time limit of a socket holds for each read: who sends a byte now and then would be waited for without end.
    """
    found: list[_Found] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True, name="asking")
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError(f"no whole answer within {seconds:g} s")
    return found[0]
