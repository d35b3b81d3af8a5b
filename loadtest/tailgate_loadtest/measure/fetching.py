"""Asks a server for something, bounded in size and in the whole time that it may take."""

import threading
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

_PIECE = 1 << 20


def fetch(address: str, headers: Mapping[str, str], *, within: float, most: int) -> bytes:
    """The body of what answers at an address of http or https.

    A redirect is followed on the same server alone: headers may be credentials.

    Args:
        address: where to ask.
        headers: what to send along.
        within: seconds for all of it.
        most: bytes.

    Raises:
        urllib.error.HTTPError: it answers with an error, or leads to another server.
        http.client.HTTPException: it is no HTTP.
        OSError: it cannot be reached, takes too long, or is larger.

    """

    def ask() -> bytes:
        request = urllib.request.Request(address, headers=dict(headers))  # noqa: S310 - http or https, as its caller saw
        with urllib.request.build_opener(_SameServer()).open(request, timeout=within) as response:
            parts, size = [], 0
            while part := response.read1(_PIECE):
                parts.append(part)
                size += len(part)
                if size > most:
                    raise OSError(f"it is larger than {most >> 20} MiB")
            return b"".join(parts)

    return _within(within, ask)


class _SameServer(urllib.request.HTTPRedirectHandler):
    """Follows to another path, as from /metrics to /metrics/; credentials go to no other server."""

    def redirect_request(self, req: urllib.request.Request, *more: Any) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(more[-1])
        if (before.scheme, before.netloc) != (after.scheme, after.netloc):
            return None
        return super().redirect_request(req, *more)


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

    thread = threading.Thread(target=run, daemon=True, name="fetching")
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError(f"no whole answer within {seconds:g} s")
    return found[0]
