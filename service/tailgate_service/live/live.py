"""All that is live in one process: who is connected, what they are told, and when they may be told no more."""

import asyncio
import logging
from contextlib import suppress
from contextvars import Context

from tailgate_service.auth import changes
from tailgate_service.errors import BusyError
from tailgate_service.identity import Identity
from tailgate_service.listener import LOST, Listener, Subscriber
from tailgate_service.live.connection import GOING_AWAY, NO_ACCESS, Connection, Line
from tailgate_service.live.hub import CHANNEL, Hub, Subscription
from tailgate_service.live.metrics import LiveMetrics
from tailgate_service.store.base import Access, Events

log = logging.getLogger(__name__)

_FOLLOW_WITHIN = 5.0
_AGAIN_AFTER = 1.0
_CLOSE_WITHIN = 2.0


class Live:
    """The live connections of a process."""

    def __init__(self, listener: Listener, events: Events, access: Access) -> None:
        self.metrics = LiveMetrics()
        self._access = access
        self._hub = Hub(events)
        self._listener = listener
        self._hears = asyncio.Event()
        self._subscriber = Subscriber(
            heard={CHANNEL: lambda _, payload: self._hub.hear(payload), changes.CHANNEL: self._access_changed},
            again=self._again,
            lost=self._hears.clear,
        )
        listener.subscribe(self._subscriber)
        self._connections: set[Connection] = set()
        self._checking: set[asyncio.Task[None]] = set()
        self._closing = False
        self._empty = asyncio.Event()
        self._empty.set()

    async def follow(self, who: Identity, after: int | None) -> Subscription:
        """See ``Hub.follow``; raises ``TimeoutError`` as well, while the database cannot be heard."""
        if self._closing:
            raise BusyError(GOING_AWAY.reason)
        async with asyncio.timeout(_FOLLOW_WITHIN):
            await self._hears.wait()
            return await self._hub.follow(who, after)

    async def serve(self, line: Line, who: Identity, subscription: Subscription) -> None:
        """Serve a connection to its end, and close its subscription."""
        connection = Connection(line, who, subscription, self.metrics)
        self._connections.add(connection)
        self._empty.clear()
        try:
            if self._closing:
                connection.end(GOING_AWAY)
            # What let in may have ended after that was looked at and before anybody could have told this connection.
            self._check([connection])
            await connection.serve()
        finally:
            self._connections.discard(connection)
            subscription.close()
            if not self._connections:
                self._empty.set()

    async def close(self) -> None:
        """Tell everybody to connect elsewhere, and listen no more; a second call does nothing."""
        self._closing = True
        for connection in self._connections:
            connection.end(GOING_AWAY)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_WITHIN):
                await self._empty.wait()
        for task in self._checking:
            task.cancel()
        self._listener.unsubscribe(self._subscriber)

    def _again(self) -> None:
        self._hears.set()
        self._hub.again()
        self._check(list(self._connections))

    def _access_changed(self, _: int, payload: str) -> None:
        changed = changes.parse(payload)
        self._check([one for one in self._connections if (one.who.workspace_id, one.who.proof) == changed])

    def _check(self, connections: list[Connection]) -> None:
        if connections:
            task = asyncio.create_task(self._end_outsiders(connections), context=Context())
            self._checking.add(task)
            task.add_done_callback(self._checking.discard)

    async def _end_outsiders(self, connections: list[Connection]) -> None:
        """End those whose key or token does not let them in any more; asked once for all who showed the same."""
        same: dict[Identity, list[Connection]] = {}
        for connection in connections:
            same.setdefault(connection.who, []).append(connection)
        for who, theirs in same.items():
            if not await self._lets_in(who):
                for connection in theirs:
                    connection.end(NO_ACCESS)

    async def _lets_in(self, who: Identity) -> bool:
        while True:
            try:
                return await self._access.lets_in(who)
            except LOST as error:
                # While the database is away nothing new is told; nobody is sent off for it.
                log.warning("access cannot be checked, tried again: %s: %s", type(error).__name__, error)
                await asyncio.sleep(_AGAIN_AFTER)
