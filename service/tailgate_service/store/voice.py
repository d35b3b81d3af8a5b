"""What a store must do with voice agents, and the value that comes out: the same for every variant."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from tailgate_service.identity import Identity


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """A workspace's voice agent.

    ``version`` counts what it was told to be, ``revision`` grows with every change of the row. ``synced_sha256`` is of
    what the outside provider is known to have; it knows the agent as ``provider_agent_id``.
    """

    id: UUID
    phone_number: str
    configuration: Mapping[str, Any]
    version: int
    provider_agent_id: str | None
    synced_sha256: bytes | None
    synced_at: datetime | None
    updated_at: datetime
    revision: int


class Agents(Protocol):
    """The voice agent of a workspace: what it is told to be, and what of that the outside provider has."""

    async def agent(self, who: Identity) -> Agent | None:
        """The agent, if there is one."""
        ...

    async def save(
        self,
        who: Identity,
        phone_number: str,
        configuration: Mapping[str, Any],
        *,
        expected: int | Literal["any"] | None,
    ) -> Agent:
        """Store what the agent is to be, as its next version unless it is that already.

        ``expected`` is the version it must be at; None: there must be none yet. Raises ``StaleError``, ``TakenError``.
        """
        ...

    async def synced(self, who: Identity, version: int, provider_agent_id: str, sha256: bytes) -> Agent | None:
        """The provider has the configuration of that hash; None when it is not that version's any more."""
        ...

    async def in_doubt(self, who: Identity) -> int | None:
        """Nobody knows what the provider has; the row's revision if that was news."""
        ...
