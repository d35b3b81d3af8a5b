"""Calls to try an agent: begun at once, gone on with in the background, followed by whoever asks.

They live in the process that began them and end with it. Each is bounded in time, and so is how many there are.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args
from uuid import UUID, uuid4

from asyncpg.exceptions import InterfaceError, PostgresError

from tailgate_service.errors import BusyError, ProviderError, UnknownError
from tailgate_service.identity import Identity

AT_ONCE = 50
"""Calls under way in this process."""
AT_ONCE_EACH = 5
"""Of them, those of one workspace."""
FOLLOWERS = 10
"""Of one call."""
CALL_WITHIN = 60.0
"""Seconds a call may take, all in all."""
_KEPT = 500

Kind = Literal["queued", "connecting", "connected", "speaking", "ended", "failed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_LAST = ("ended", "failed")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """How far a call has come; ``number`` counts from 1, ``detail`` says why it failed."""

    number: int
    stage: Kind
    at: datetime
    detail: str | None = None


class Call:
    """One call; stages only ever follow each other in the order of ``KINDS``."""

    def __init__(self, workspace: UUID) -> None:
        self.id = uuid4()
        self.workspace = workspace
        self.stages: list[Stage] = []
        self.followers = 0
        self._news = asyncio.Event()
        self.reach("queued")

    @property
    def over(self) -> bool:
        """Whether no stage will follow."""
        return self.stages[-1].stage in _LAST

    def reach(self, kind: Kind, detail: str | None = None) -> None:
        """The next stage; one that the call has passed, or any after the last, changes nothing."""
        if self.stages and (self.over or KINDS.index(kind) <= KINDS.index(self.stages[-1].stage)):
            return
        number = len(self.stages) + 1
        self.stages.append(Stage(number=number, stage=kind, at=datetime.now(UTC), detail=detail))
        self._news.set()
        self._news = asyncio.Event()

    async def stages_after(self, number: int, patience: float) -> list[Stage]:
        """Those that follow stage ``number``, waiting for one if need be; none after ``patience`` seconds."""
        if number >= len(self.stages) and not self.over:
            try:
                async with asyncio.timeout(patience):
                    await self._news.wait()
            except TimeoutError:
                return []
        return self.stages[number:]


Place = Callable[[Identity, Call], AsyncGenerator[Kind, None]]
"""Makes a call and says each stage it reaches; raises ``ProviderError`` or ``UnknownError`` when it fails."""


class Calls:
    """All test calls of this process; :meth:`close` ends them."""

    def __init__(self, place: Place, *, within: float = CALL_WITHIN) -> None:
        self._place = place
        self._within = within
        self._calls: dict[UUID, Call] = {}
        self._running: dict[asyncio.Task[None], Call] = {}
        self._closing = False

    def start(self, who: Identity) -> Call:
        """Begin a call and return at once; raises ``BusyError`` when there are as many as there may be."""
        running = self._running.values()
        if self._closing:
            raise BusyError("the service is about to end")
        if len(running) >= AT_ONCE or sum(call.workspace == who.workspace_id for call in running) >= AT_ONCE_EACH:
            raise BusyError("there are as many test calls as there may be: wait until one has ended")
        call = Call(who.workspace_id)
        self._calls[call.id] = call
        while len(self._calls) > _KEPT:
            # Those under way are fewer than are kept.
            del self._calls[next(old.id for old in self._calls.values() if old.over)]
        # In no context: what it asks the database is not the request's that began it.
        task = asyncio.create_task(self._run(who, call), context=Context())
        self._running[task] = call
        task.add_done_callback(self._running.pop)
        return call

    def find(self, who: Identity, call_id: UUID) -> Call:
        """A call of the workspace, under way or over not long ago; raises ``UnknownError``."""
        call = self._calls.get(call_id)
        if call is None or call.workspace != who.workspace_id:
            raise UnknownError("This workspace has no such test call: they end with the process that began them.")
        return call

    async def follow(self, call: Call, after: int, beat: float) -> AsyncIterator[Stage | None]:
        """Each stage after the ``after``-th until the last; None after every ``beat`` seconds without one.

        Raises ``BusyError`` when there are as many followers as there may be.
        """
        if call.followers >= FOLLOWERS:
            raise BusyError("this call has as many followers as it may have")
        call.followers += 1
        try:
            while not call.over or after < len(call.stages):
                stages = await call.stages_after(after, beat)
                for stage in stages:
                    yield stage
                    # Not the number of all: while one was told, others may have been reached.
                    after = stage.number
                if not stages and not call.over:
                    yield None
        finally:
            call.followers -= 1

    async def close(self) -> None:
        """End every call, telling whoever follows it."""
        self._closing = True
        running = dict(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for call in running.values():
            call.reach("failed", "the service is about to end")

    async def _run(self, who: Identity, call: Call) -> None:
        try:
            async with asyncio.timeout(self._within) as limit, aclosing(self._place(who, call)) as kinds:
                async for kind in kinds:
                    call.reach(kind)
                    if call.over:
                        return
            call.reach("failed", "the voice provider hung up")
        except (ProviderError, UnknownError) as error:
            call.reach("failed", str(error))
        except (OSError, PostgresError, InterfaceError) as error:
            if limit.expired():
                call.reach("failed", f"the call took longer than {self._within:g} s")
                return
            log.warning("a test call failed: %s: %s", type(error).__name__, error)
            call.reach("failed", "the database does not answer")
        except Exception:
            log.exception("a test call failed")
            call.reach("failed", "the service failed; its log has the cause")
