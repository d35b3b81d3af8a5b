"""The read model of one process: what is hot, how it is loaded, and how it stays current."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from asyncpg.exceptions import InterfaceError, PostgresError

from tailgate_service.errors import NotReadyError
from tailgate_service.identity import Identity
from tailgate_service.listener import Listener
from tailgate_service.store.database import Pool
from tailgate_service.store.parallel.told import told, told_by
from tailgate_service.store.readmodel.hearing import Hearing
from tailgate_service.store.readmodel.hot import LARGEST, Fill, Hot
from tailgate_service.store.readmodel.metrics import ReadModelMetrics
from tailgate_service.store.readmodel.notice import Kind, canonical
from tailgate_service.store.readmodel.writing import Writing, catch_up, writing

log = logging.getLogger(__name__)

NUMBER = "coalesce((SELECT documents FROM event_counters WHERE workspace_id = me.workspace), 0)"
"""As of which change a statement reads the documents of its workspace."""

# Newest first, from where the page before ended.
_PAGE = told(f"""
SELECT d.key, d.recent, CASE WHEN octet_length(d.document::text) <= {LARGEST} THEN d.document::text END AS document,
       {NUMBER} AS number
FROM documents d WHERE d.workspace_id = me.workspace AND d.kind = $3 AND (d.recent, d.key) < ($4, $5)
ORDER BY d.recent DESC, d.key DESC LIMIT $6""")
_Place = tuple[datetime, str]
_END: _Place = datetime.max.replace(tzinfo=UTC), "~"

# Documents that are loaded together, and loads at once: requests need connections, too.
_CARDS, _ITEMS = 250, 1000
_AT_ONCE = 8
_AGAIN_AFTER = 0.5
_HEARD_WITHIN = 15.0
_LOST = (OSError, PostgresError, InterfaceError)

Rows = Sequence[Any]


class ReadModel:
    """What a process keeps, ``hot``, and the ``hearing`` that keeps it current; made by :func:`opened`."""

    def __init__(self, listener: Listener, pool: Pool, limit: int, metrics: ReadModelMetrics) -> None:
        self.hot = Hot(limit)
        self.hearing = Hearing(listener, heard=self.hot.apply, again=self._load_anew, deaf=self._forget)
        self.metrics = metrics
        self._begun = asyncio.Event()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loading: asyncio.Task[None] | None = None
        self._pool = pool
        self._loads = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def writing(self) -> AbstractAsyncContextManager[Writing]:
        """The pool to write by; at the end of the context this process knows what was written."""
        return writing(self._pool, self.hearing)

    async def catch_up(self) -> None:
        """Return when this process knows all that was committed before, by whomever."""
        if self.hearing.listening:
            await catch_up(self._pool, self.hearing)

    def want(self, workspace: UUID) -> None:
        """Make an inbox hot that was asked for and is not, in the background."""
        if self.hot.wants(workspace) and not self.hot.full:
            self._begin(self._load_inbox(workspace))

    async def loaded(self) -> None:
        """Return when all is loaded; raises ``NotReadyError``."""
        try:
            async with asyncio.timeout(_HEARD_WITHIN):
                await self._begun.wait()
        except TimeoutError as error:
            raise NotReadyError(f"nothing is heard from the database within {_HEARD_WITHIN:g} s") from error
        try:
            await self._ready
        except _LOST as error:
            raise NotReadyError(f"documents cannot be loaded: {error}") from error

    async def close(self) -> None:
        """End what goes on in the background."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _load_anew(self) -> None:
        self._begun.set()
        self._loading = self._begin(self._keep_loading())

    def _forget(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
        self._cool()
        self._tell(NotReadyError("documents were not loaded yet when the connection that listens was lost"))

    def _cool(self) -> None:
        self.hot.live = False
        self.hot.clear()

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _keep_loading(self) -> None:
        """Load, and again until that succeeds; meanwhile nothing is kept that might not be all."""
        while True:
            self.hot.live = True
            try:
                await self._load()
            except (*_LOST, NotReadyError) as error:
                self._cool()
                log.warning("documents are read from the database alone for now: %s: %s", type(error).__name__, error)
                self._tell(error)
            else:
                self._tell()
                return
            await asyncio.sleep(_AGAIN_AFTER)

    def _tell(self, error: Exception | None = None) -> None:
        if self._ready.done():
            return
        self._ready.set_result(None) if error is None else self._ready.set_exception(error)

    async def _load(self) -> None:
        """Load all inboxes, and then cards, the latest of each workspace first, until there is no more room."""
        rows = await self._pool.fetch("SELECT workspace_id, missing FROM document_workspaces()")
        if missing := [row["workspace_id"] for row in rows if row["missing"]]:
            raise NotReadyError(
                f"documents are missing, of workspace {missing[0]} for one: make them with `tailgate db backfill`"
            )
        workspaces = [row["workspace_id"] for row in rows]
        await asyncio.gather(*(self._load_inbox(workspace) for workspace in workspaces if self.hot.wants(workspace)))
        # By turns, a page of each: what finds no room is the oldest of all.
        places: dict[UUID, _Place] = dict.fromkeys(workspaces, _END)
        while places and not self.hot.full:
            after = await asyncio.gather(*(self._load_cards(*page) for page in places.items()))
            places = {workspace: place for workspace, place in zip(places, after, strict=True) if place is not None}

    async def _load_cards(self, workspace: UUID, place: _Place) -> _Place | None:
        async with self._page(workspace, "card", place, _CARDS) as (fill, rows):
            for row in rows:
                body = _body(row)
                if body is not None and not self.hot.full:
                    fill.card(workspace, row["key"], row["number"], body, ahead=True)
        return _after(rows, _CARDS)

    async def _load_inbox(self, workspace: UUID) -> None:
        inbox = self.hot.open(workspace)
        try:
            async with self._page(workspace, "team", _END, 1) as (fill, rows):
                for row in rows:
                    fill.team(workspace, inbox, row["number"], _body(row) or b"[]")
            place: _Place | None = _END
            while place is not None and self.hot.holds(workspace, inbox):
                async with self._page(workspace, "item", place, _ITEMS) as (fill, rows):
                    for row in rows:
                        fill.item(workspace, inbox, row["key"], row["number"], _body(row))
                place = _after(rows, _ITEMS)
            inbox.complete = True
        except _LOST as error:
            log.warning("the inbox of workspace %s could not be loaded: %s", workspace, error)
        finally:
            if not inbox.complete and self.hot.holds(workspace, inbox):
                self.hot.close(workspace)

    @asynccontextmanager
    async def _page(self, workspace: UUID, kind: Kind, place: _Place, size: int) -> AsyncIterator[tuple[Fill, Rows]]:
        """The documents after a place, and the fill they may be kept by."""
        who = told_by(Identity(workspace_id=workspace))
        with self.hot.filling() as fill:
            async with self._loads:
                rows = await self._pool.fetch(_PAGE, *who, kind, *place, size)
            yield fill, rows


@asynccontextmanager
async def opened(listener: Listener, pool: Pool, limit: int, metrics: ReadModelMetrics) -> AsyncIterator[ReadModel]:
    """A read model that is loaded, of ``limit`` bytes at most; raises ``NotReadyError`` when it cannot be."""
    model = ReadModel(listener, pool, limit, metrics)
    try:
        with listener.subscribed(model.hearing.subscriber):
            await model.loaded()
            metrics.hot = model.hot
            yield model
    finally:
        await model.close()


def _after(rows: Rows, size: int) -> _Place | None:
    """Where the next page begins; None after the last."""
    return (rows[-1]["recent"], rows[-1]["key"]) if len(rows) == size else None


def _body(row: Any) -> bytes | None:
    """A document as it is sent; None when it is larger than what is kept, or than what can be read."""
    try:
        return row["document"] and canonical(row["document"])
    except ValueError:
        return None
