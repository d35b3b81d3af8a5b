"""Who may ask, kept in mind: bounded, and forgotten at a word from the database."""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal, TypeVar
from uuid import UUID

from tailgate_service.identity import Identity
from tailgate_service.store.base import Access, Membership, Workspace

MOST = 4096
"""Entries."""
TRUSTED = 2.0
"""Seconds for which nothing heard means that nothing was said: by so much, at most, is memory behind."""

Key = tuple[Literal["key", "subject"], bytes]
"""What was shown, and its SHA-256."""
Kept = Workspace | Sequence[Membership]
Found = TypeVar("Found", Workspace | None, Sequence[Membership])


class Memory:
    """What was found, by the hash of what was shown; what was used longest ago goes first.

    It knows nothing unless somebody says, every few seconds, that all is heard that the database said.
    """

    def __init__(self) -> None:
        self._heard: float | None = None
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._of: defaultdict[UUID, set[Key]] = defaultdict(set)
        self._forgotten = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def trusted(self) -> bool:
        """Whether it may be believed."""
        return self._heard is not None and time.monotonic() - self._heard < TRUSTED

    def heard(self, moment: float) -> None:
        """All has been heard that was said before ``moment``, of the monotonic clock."""
        self._heard = moment

    def forget(self, workspace: UUID, proof: bytes | None) -> None:
        """Something about a workspace, or who shows what hashes to ``proof``, is not as it was."""
        self._forgotten += 1
        keys = self._of.get(workspace, set()) if proof is None else {*self._of.get(workspace, ()), *_keys(proof)}
        for key in tuple(keys):
            self._drop(key)

    def forget_all(self) -> None:
        """Nothing may be as it was, and nothing is heard until it is said again that it is."""
        self._heard = None
        self._forgotten += 1
        self._kept.clear()
        self._of.clear()

    async def recall(self, key: Key, ask: Callable[[], Awaitable[Found]]) -> Found:
        """What is kept for ``key`` by a memory to be trusted, or else what ``ask`` finds.

        An answer is not kept when anything was forgotten since the question: it may be of before. Nothing found is not
        kept either, or whoever makes names up would push out what is of use.
        """
        if not self.trusted:
            return await ask()
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept  # type: ignore[return-value]  # what stands there is what the same question found
        forgotten = self._forgotten
        found = await ask()
        if found and forgotten == self._forgotten:
            self._keep(key, found)
        return found

    def _keep(self, key: Key, found: Kept) -> None:
        self._drop(key)
        self._kept[key] = found
        for workspace in _workspaces(found):
            self._of[workspace].add(key)
        if len(self._kept) > MOST:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        found = self._kept.pop(key, None)
        for workspace in () if found is None else _workspaces(found):
            self._of[workspace].discard(key)
            if not self._of[workspace]:
                del self._of[workspace]


def _workspaces(found: Kept) -> Iterable[UUID]:
    return (found.id,) if isinstance(found, Workspace) else [one.workspace_id for one in found]


def _keys(proof: bytes) -> tuple[Key, ...]:
    return ("key", proof), ("subject", proof)


class RememberedAccess:
    """See ``Access``. Asks ``access`` what ``memory`` does not know."""

    def __init__(self, access: Access, memory: Memory) -> None:
        self._access = access
        self._memory = memory

    async def ping(self) -> None:
        """See ``Access``."""
        await self._access.ping()

    async def workspace_by_key(self, key_sha256: bytes) -> Workspace | None:
        """See ``Access``."""

        async def ask() -> Workspace | None:
            return await self._access.workspace_by_key(key_sha256)

        return await self._memory.recall(("key", key_sha256), ask)

    async def memberships(self, subject: str) -> Sequence[Membership]:
        """See ``Access``."""

        async def ask() -> Sequence[Membership]:
            return await self._access.memberships(subject)

        return await self._memory.recall(("subject", sha256(subject.encode()).digest()), ask)

    async def lets_in(self, who: Identity) -> bool:
        """See ``Access``; never from memory."""
        return await self._access.lets_in(who)

    async def issue_ticket(self, who: Identity, sha256: bytes, *, seconds: float) -> datetime:
        """See ``Access``."""
        return await self._access.issue_ticket(who, sha256, seconds=seconds)

    async def redeem_ticket(self, sha256: bytes) -> Identity | None:
        """See ``Access``."""
        return await self._access.redeem_ticket(sha256)
