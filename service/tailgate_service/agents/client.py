"""The outside voice provider, as a client sees it: HTTP to tell it of agents and calls, a WebSocket for each call."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx
import orjson
from tailgate_otel import names
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tailgate_service.errors import ProviderError, SettingsError
from tailgate_service.store.voice import Agent

WITHIN = 4.0
"""Seconds for one request, from its first byte to the answer's last."""
MAX_ANSWER = 64 * 1024
"""Bytes of an answer, and of one word of a call."""
_MAX_ID = 256
_MAX_WHY = 200
_KEY = re.compile("[!-~]*")


class Provider:
    """The provider at ``url``, ``http`` or ``https``; ``key`` says who we are. Raises ``SettingsError``.

    Every method raises ``ProviderError``, whose text says what went wrong, for whatever the provider does.
    """

    def __init__(self, url: str, key: str) -> None:
        if not _is_address(url):
            raise SettingsError(f"{names.ENV_VOICE_URL} is no address: write http://host:port or https://host")
        if not _KEY.fullmatch(key):
            raise SettingsError(
                f"{names.ENV_VOICE_KEY} holds what no header may: letters, digits and signs of ASCII only"
            )
        self._url = url.rstrip("/")
        self._key = {"authorization": f"Bearer {key}"} if key else {}
        self._client: httpx.AsyncClient | None = None

    async def put_agent(self, agent: Agent) -> str:
        """Tell it what an agent is to be; the agent's name there. To tell it again is to tell it once."""
        told = {"phone_number": agent.phone_number, "configuration": agent.configuration, "version": agent.version}
        answer = await self._ask("PUT", f"/v1/agents/{agent.id}", told)
        return _id(answer)

    async def start_call(self, provider_agent_id: str, call: UUID) -> str:
        """Begin a call to try an agent; the call's name there."""
        return _id(await self._ask("POST", "/v1/calls", {"agent_id": provider_agent_id, "reference": str(call)}))

    async def words(self, provider_call_id: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """What the provider says of a call, word by word, until it hangs up."""
        url = f"ws{self._url.removeprefix('http')}/v1/calls/{quote(provider_call_id, safe='')}"
        try:
            async with connect(
                url,
                additional_headers=self._key,
                open_timeout=WITHIN,
                close_timeout=1,
                max_size=MAX_ANSWER,
                max_queue=4,
                compression=None,
                proxy=None,
            ) as socket:
                async for word in socket:
                    yield _object(word, "a word of a call")
        except (OSError, WebSocketException) as error:
            raise ProviderError(f"the voice provider broke the call off: {_why(error)}") from error

    async def close(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _ask(self, method: str, path: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._client is None:
            # Made when it is needed: it reads the system's certificates. A few bytes that unpack to many are not read.
            headers = {**self._key, "content-type": "application/json", "accept-encoding": "identity"}
            self._client = httpx.AsyncClient(
                base_url=self._url, headers=headers, timeout=WITHIN, trust_env=False, follow_redirects=False
            )
        try:
            async with asyncio.timeout(WITHIN):
                async with self._client.stream(method, path, content=orjson.dumps(told, default=str)) as response:
                    body = await _read(response)
        except TimeoutError as error:
            raise ProviderError(f"the voice provider did not answer within {WITHIN:g} s") from error
        except httpx.HTTPError as error:
            raise ProviderError(f"the voice provider cannot be asked: {_why(error)}") from error
        if not response.is_success:
            raise ProviderError(f"the voice provider answered {response.status_code}")
        return _object(body, "an answer")


async def _read(response: httpx.Response) -> bytes:
    body = b""
    async for block in response.aiter_raw():
        body += block
        if len(body) > MAX_ANSWER:
            raise ProviderError(f"the voice provider answered more than {MAX_ANSWER} bytes")
    return body


def _object(text: bytes | str, what: str) -> Mapping[str, Any]:
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ProviderError(f"the voice provider sent {what} that is not JSON") from error
    if not isinstance(said, dict):
        raise ProviderError(f"the voice provider sent {what} that is no object")
    return said


def _id(answer: Mapping[str, Any]) -> str:
    found = answer.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= _MAX_ID or "\0" in found:
        raise ProviderError("the voice provider answered without an id")
    return found


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not (parts.username or parts.query or parts.fragment)
        )
    except ValueError:
        return False


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        # All but the address, which is ours to know.
        return os.strerror(error.errno)
    # It may quote what the provider sent, which is anything.
    return str(error)[:_MAX_WHY] or type(error).__name__
