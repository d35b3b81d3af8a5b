"""Which variant serves: the best one that the schema allows, and none better than the configuration asks for.

A session of this process's own holds the steps of the schema that the variant in effect needs
(``migrations/holds.py``). That the schema changes is heard by the connection that listens for all (``listener.py``),
which cannot hold them: it is given up as soon as it is silent for a moment, which would cost the better variant just
when there is much to do. When a step is to be taken back, the process goes on by a
variant that does without, waits for the requests that began on the other, and only then lets go of the step; when it is
there again, so is the better variant. No request fails for it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Self

import asyncpg
from fastapi import FastAPI
from starlette.types import ASGIApp

from tailgate_service.errors import NotReadyError
from tailgate_service.inflight import InFlight
from tailgate_service.listener import LOST, Listener, Subscriber
from tailgate_service.migrations.files import upto
from tailgate_service.migrations.holds import Holds
from tailgate_service.migrations.records import CHANNEL
from tailgate_service.settings import VARIANTS, Variant
from tailgate_service.store.base import Store

Opened = Callable[[Variant], AbstractAsyncContextManager[Store]]
"""The data layer of a variant, ready to be asked for as long as the block lasts."""

_CONNECT_WITHIN = 10.0
_ANSWER_WITHIN = 5.0
# A line that is dead without a word is noticed after so many seconds.
_ASKED_EVERY = 5.0
# Longer than any statement may take.
_DRAINED_WITHIN = 35.0
_AGAIN_AFTER = 0.5

log = logging.getLogger(__name__)


class Switch:
    """Opens the store of an application, and changes it; an asynchronous context manager.

    Entering raises ``NotReadyError`` when the schema is older than the configured variant needs, or is about to be.
    """

    store: Store
    """The one in effect, once entered."""

    def __init__(self, dsn: str, listener: Listener, configured: Variant, opened: Opened) -> None:
        self._dsn = dsn
        self._listener = listener
        self._subscriber = Subscriber(heard={CHANNEL: self._wake}, again=self._wake)
        self._opened = opened
        # The best first. Read now: by the time of a switch the files may be another version's.
        wanted = VARIANTS[: VARIANTS.index(configured) + 1]
        self._needs = {variant: upto(variant)[-1].version for variant in reversed(wanted)}
        self._changed = asyncio.Event()
        self._stack = AsyncExitStack()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
        except LOST as error:
            raise NotReadyError(f"the database cannot be reached: {error}") from error
        try:
            self.store = await self._first()
        except BaseException:
            await self._session.close()
            raise
        self._listener.subscribe(self._subscriber)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.unsubscribe(self._subscriber)
        try:
            if self._task is not None:
                self._task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._task
        finally:
            # With it goes what it holds.
            async with self._stack:
                await self._session.close()

    def watch(self, app: FastAPI, served: ASGIApp) -> ASGIApp:
        """``served``, by which ``app`` is reached; from now on it has the store that the schema allows."""
        in_flight = InFlight(served)
        self._task = asyncio.create_task(self._watch(app, in_flight), name="switch")
        self._task.add_done_callback(_tell)
        return in_flight

    async def _first(self) -> Store:
        variant, needed = next(iter(self._needs.items()))
        if not await self._holds.take(needed):
            raise NotReadyError(
                f"the schema is at migration {await self._holds.level()} and variant {variant} needs {needed}: "
                "bring it there with `tailgate db migrate`"
            )
        return await self._stack.enter_async_context(self._opened(variant))

    async def _watch(self, app: FastAPI, in_flight: InFlight) -> None:
        while True:
            try:
                while True:
                    await self._settle(app, in_flight)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _ASKED_EVERY)
                    self._changed.clear()
            except LOST as error:
                log.warning("the session that holds the schema was lost: %s: %s", type(error).__name__, error)
            # Nothing is held any more: what needs least is the only one that no migration pulls away.
            self._session.terminate()
            await self._serve_by(list(self._needs)[-1], app, in_flight)
            while self._session.is_closed():
                await asyncio.sleep(_AGAIN_AFTER)
                with contextlib.suppress(*LOST):
                    await self._connect()

    async def _settle(self, app: FastAPI, in_flight: InFlight) -> None:
        for variant, needed in self._needs.items():
            if await self._holds.take(needed):
                try:
                    await self._serve_by(variant, app, in_flight)
                    break
                except NotReadyError as error:
                    log.warning("variant %s cannot serve yet: %s", variant, error)
        else:
            # The last one serves whatever is there.
            await self._serve_by(variant, app, in_flight)
        await self._holds.keep(self._needs[variant])

    async def _serve_by(self, variant: Variant, app: FastAPI, in_flight: InFlight) -> None:
        if variant == self.store.variant:
            return
        async with AsyncExitStack() as opening:
            store = await opening.enter_async_context(self._opened(variant))
            log.warning("variant %s serves instead of %s", variant, self.store.variant)
            before, self._stack = self._stack, opening.pop_all()
        app.state.store = self.store = store
        async with before:
            if not await in_flight.turn(_DRAINED_WITHIN):
                log.warning("a request that began %g s ago is left to fail by itself", _DRAINED_WITHIN)

    async def _connect(self) -> None:
        session: Any = await asyncpg.connect(  # type: ignore[no-untyped-call]
            self._dsn,
            timeout=_CONNECT_WITHIN,
            command_timeout=_ANSWER_WITHIN,
            server_settings={"application_name": "tailgate-service"},
        )
        self._session, self._holds = session, Holds(session)
        session.add_termination_listener(self._wake)

    def _wake(self, *_: object) -> None:
        self._changed.set()


def _tell(task: asyncio.Task[None]) -> None:
    """Say at once that nobody watches any more; who leaves the switch is told why."""
    if not task.cancelled():
        log.error("the schema is watched no more: restart the service", exc_info=task.exception())
