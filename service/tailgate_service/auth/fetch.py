"""One small document from somebody else's server: bounded in size and time, and from there alone."""

import asyncio
from urllib.parse import urlsplit

import httpx

from tailgate_service.errors import IssuerError

MAX_BYTES = 256 * 1024
WITHIN = 5.0
"""Seconds for all of it."""


async def fetch(url: str, *, within: float = WITHIN) -> bytes:
    """The body of a 200 from ``url``; raises ``IssuerError`` for anything else.

    No redirect is followed and no proxy of the environment is asked: the answer is worth what the address is.
    Compressed answers are refused, since their bound would not be one.
    """
    try:
        async with asyncio.timeout(within):
            # Reading the authorities takes some ten milliseconds, in which the loop would stand still.
            verify = await asyncio.to_thread(httpx.create_ssl_context) if url.startswith("https:") else False
            async with (
                httpx.AsyncClient(verify=verify, trust_env=False, timeout=within) as client,
                client.stream("GET", url, headers={"accept": "application/json", "accept-encoding": "identity"}) as got,
            ):
                return await _body(got)
    except TimeoutError as error:
        raise IssuerError(f"{_host(url)} did not answer within {within:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        raise IssuerError(f"{_host(url)} cannot be asked: {type(error).__name__}: {error}") from error


async def _body(answer: httpx.Response) -> bytes:
    host = answer.url.host
    if answer.status_code != httpx.codes.OK:
        raise IssuerError(f"{host} answered {answer.status_code}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise IssuerError(f"{host} answered compressed, which it was not asked for")
    body = bytearray()
    async for block in answer.aiter_raw():
        body += block
        if len(body) > MAX_BYTES:
            raise IssuerError(f"{host} answered more than {MAX_BYTES} bytes")
    return bytes(body)


def _host(url: str) -> str:
    return urlsplit(url).hostname or "nobody"
