"""Voice agents as routes ask for them: read through the cache, saved and then brought to the provider, and tried."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson
from asyncpg.exceptions import InterfaceError, PostgresError

from tailgate_service.agents.calls import Call, Calls, Kind
from tailgate_service.agents.client import Provider
from tailgate_service.agents.configuration import digest, document, in_sync
from tailgate_service.cache.cache import Cache
from tailgate_service.cache.entry import Key, Made
from tailgate_service.errors import ProviderError, UnknownError
from tailgate_service.fields import digits
from tailgate_service.identity import Identity
from tailgate_service.listener import Listener
from tailgate_service.settings import Settings
from tailgate_service.store.voice import Agent, Agents

AGENT_FOR = 30 * 60
"""Seconds that an agent is kept in mind."""
NUMBER_FOR = 60 * 60
"""Seconds that it is kept in mind which agent answers a number."""
SYNC_WITHIN = 10.0
"""Seconds after which a save is answered, whatever the provider does."""
AGAIN_AFTER = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0)
"""Seconds between the attempts that follow one that failed."""
# Workspaces whose agents are brought to the provider again; of others the next save does it.
_MOST_AGAIN = 100
# How often one save follows others that overtook it.
_ROUNDS = 3
_SAID: Mapping[str, Kind] = {"connected": "connected", "speaking": "speaking", "ended": "ended"}
_MAX_REASON = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """A stored agent, and what became of bringing it to the provider; ``detail`` says why it was not brought."""

    agent: Agent
    sync: Literal["synced", "unchanged", "failed", "off"]
    detail: str | None = None


class Desk:
    """All there is to be done with voice agents. ``agents`` gives the store's part in effect.

    Attributes:
        cache: of agents, and of the numbers they answer.
        calls: to try them.

    """

    def __init__(self, settings: Settings, listener: Listener, agents: Callable[[], Agents]) -> None:
        self.cache = Cache(listener, settings.redis_url)
        self.calls = Calls(self._place)
        self._agents = agents
        self._provider = None if settings.voice_url is None else Provider(settings.voice_url, settings.voice_key)
        self._again: dict[UUID, asyncio.Task[None]] = {}
        self._open = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep agents in mind, and bring again to the provider what it did not take, for the length of the block."""
        async with self.cache.running():
            self._open = True
            try:
                yield
            finally:
                self._open = False
                await self.calls.close()
                for task in self._again.values():
                    task.cancel()
                await asyncio.gather(*self._again.values(), return_exceptions=True)
                if self._provider is not None:
                    await self._provider.close()

    async def agent(self, who: Identity) -> bytes:
        """``AgentAnswer`` of the workspace's agent as JSON; raises ``UnknownError``."""

        async def make() -> Made | None:
            agent = await self._agents().agent(who)
            return None if agent is None else Made(revision=agent.revision, body=_json(agent))

        body = await self.cache.get(Key(kind="agent", workspace=who.workspace_id), AGENT_FOR, make)
        if body is None:
            raise UnknownError("This workspace has no voice agent.")
        return body

    async def agent_by_number(self, who: Identity, phone_digits: str) -> bytes:
        """The same, if it is the one that answers a number."""

        async def make() -> Made | None:
            agent = await self._agents().agent(who)
            if agent is None or digits(agent.phone_number) != phone_digits:
                return None
            return Made(revision=agent.revision, body=str(agent.id).encode())

        key = Key(kind="number", workspace=who.workspace_id, name=phone_digits)
        if await self.cache.get(key, NUMBER_FOR, make) is None:
            raise UnknownError("No voice agent of this workspace answers that number.")
        return await self.agent(who)

    async def save(
        self,
        who: Identity,
        phone_number: str,
        configuration: Mapping[str, Any],
        *,
        expected: int | Literal["any"] | None,
    ) -> Saved:
        """Store what the agent is to be, and bring it to the provider if that does not have it.

        ``expected`` is as the store wants it. Raises ``StaleError``, ``TakenError``; never for what the provider does.
        """
        agent = await self._agents().save(who, phone_number, configuration, expected=expected)
        await self.cache.changed(who.workspace_id, agent.revision)
        return await self._sync(who, agent)

    async def _sync(self, who: Identity, agent: Agent) -> Saved:
        if in_sync(agent):
            return Saved(agent=agent, sync="unchanged")
        if self._provider is None:
            return Saved(agent=agent, sync="off", detail="no voice provider is configured")
        try:
            async with asyncio.timeout(SYNC_WITHIN):
                for _ in range(_ROUNDS):
                    name = await self._provider.put_agent(agent)
                    sha256 = digest(agent.phone_number, agent.configuration)
                    marked = await self._agents().synced(who, agent.version, name, sha256)
                    if marked is not None:
                        await self.cache.changed(who.workspace_id, marked.revision)
                        return Saved(agent=marked, sync="synced")
                    # Overtaken: what came later may have reached the provider before this, so it must once more.
                    agent = await self._agents().agent(who) or agent
            why = "the agent was changed over and over meanwhile"
        except ProviderError as error:
            why = str(error)
        except TimeoutError:
            why = f"the voice provider did not take it within {SYNC_WITHIN:g} s"
        # It may still arrive there, after something later.
        revision = await self._agents().in_doubt(who)
        if revision is not None:
            await self.cache.changed(who.workspace_id, revision)
        self._sync_again(who)
        return Saved(agent=agent, sync="failed", detail=why)

    def _sync_again(self, who: Identity) -> None:
        if self._open and who.workspace_id not in self._again and len(self._again) < _MOST_AGAIN:
            # In no context: what it asks the database is not the request's that failed.
            task = self._again[who.workspace_id] = asyncio.create_task(self._try_again(who), context=Context())
            task.add_done_callback(lambda _: self._again.pop(who.workspace_id))

    async def _try_again(self, who: Identity) -> None:
        for pause in AGAIN_AFTER:
            await asyncio.sleep(pause)
            try:
                agent = await self._agents().agent(who)
                if agent is None or (await self._sync(who, agent)).sync != "failed":
                    return
            except (OSError, PostgresError, InterfaceError) as error:
                log.warning("an agent cannot be brought to the provider: %s: %s", type(error).__name__, error)
        log.warning("the agent of workspace %s is not at the provider: its next save will bring it", who.workspace_id)

    async def _place(self, who: Identity, call: Call) -> AsyncGenerator[Kind, None]:
        """A call to the agent as it is stored now."""
        yield "connecting"
        if self._provider is None:
            raise ProviderError("no voice provider is configured")
        agent = await self._agents().agent(who)
        if agent is None:
            raise UnknownError("this workspace has no voice agent")
        saved = await self._sync(who, agent)
        if saved.sync == "failed" or saved.agent.provider_agent_id is None:
            raise ProviderError(saved.detail or "the voice provider does not know the agent")
        started = await self._provider.start_call(saved.agent.provider_agent_id, call.id)
        async with aclosing(self._provider.words(started)) as words:
            async for word in words:
                said = word.get("type")
                if said == "failed":
                    raise ProviderError(f"the voice provider failed: {str(word.get('reason'))[:_MAX_REASON]}")
                if not isinstance(said, str) or said not in _SAID:
                    raise ProviderError("the voice provider said what nobody understands")
                yield _SAID[said]


def _json(agent: Agent) -> bytes:
    return orjson.dumps(document(agent), str, orjson.OPT_UTC_Z)
