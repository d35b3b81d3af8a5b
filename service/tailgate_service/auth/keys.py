"""The keys of an issuer, fetched when needed, kept while they cannot be."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable

import jwt

from tailgate_service.auth import jwks
from tailgate_service.errors import IssuerError, TokenError

FRESH = 600.0
"""Seconds after which keys are fetched again, while those that are there go on to serve."""
KEPT = 3600.0
"""Seconds for which keys are believed that cannot be fetched again. What its issuer took back is believed no longer."""
BETWEEN = 60.0
"""Seconds from one fetch to the next that an unknown ``kid`` may cause: who makes names up causes no more."""
RETRY = 5.0
"""Seconds from one fetch to the next when there must be one."""

log = logging.getLogger(__name__)


class Keys:
    """Keys by their ``kid``. Whoever asks while they are fetched waits for that one fetch.

    ``fetch`` brings the set as the issuer writes it, or raises ``IssuerError``; ``clock`` is in seconds.
    """

    def __init__(self, fetch: Callable[[], Awaitable[bytes]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._held: dict[str, jwt.PyJWK] = {}
        self._fetched = -math.inf
        self._tried = -math.inf
        self._flight: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> jwt.PyJWK:
        """The key of that name.

        Raises ``TokenError`` when the issuer shows none, ``IssuerError`` when its keys cannot be had.
        """
        if self._age() > KEPT:
            await self._again(RETRY)
            if self._age() > KEPT:
                raise IssuerError("the issuer's keys cannot be fetched")
        elif kid not in self._held:
            await self._again(BETWEEN)
        elif self._age() > FRESH:
            self._begin(RETRY)
        if kid not in self._held:
            raise TokenError("its issuer shows no key of that kid")
        return self._held[kid]

    def _age(self) -> float:
        return self._clock() - self._fetched

    async def _again(self, pause: float) -> None:
        flight = self._begin(pause)
        if flight is not None:
            # A caller who goes away takes nobody else's keys along.
            await asyncio.shield(flight)

    def _begin(self, pause: float) -> asyncio.Task[None] | None:
        if self._flight is None and self._clock() - self._tried >= pause:
            self._tried = self._clock()
            self._flight = asyncio.create_task(self._replace())
        return self._flight

    async def _replace(self) -> None:
        try:
            self._held = jwks.parse(await self._fetch())
            self._fetched = self._clock()
        except IssuerError as error:
            log.warning("the keys of the tokens' issuer were not fetched: %s", error)
        finally:
            self._flight = None
