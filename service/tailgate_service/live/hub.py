"""All feeds of a process: filled from one connection that listens, and from the database where that did not suffice."""

import asyncio
import logging
from collections.abc import Sequence
from contextvars import Context
from uuid import UUID

from tailgate_service.errors import BusyError, GoneError, SlowError
from tailgate_service.identity import Identity
from tailgate_service.listener import LOST
from tailgate_service.live.feed import KEPT, Feed, Told, told
from tailgate_service.store.base import Event, Events

log = logging.getLogger(__name__)

CHANNEL = "events"
MAX_BEHIND = 10_000
"""Events that are caught up with; whoever is further behind reads anew."""
MAX_FOLLOWERS = 1_000
"""Of one workspace, in one process."""
PAGE = 100
"""Events asked for at once, and sent at once."""
_ASKING = 4
"""Questions to the database at a time: the pool is there for requests."""
_AGAIN_AFTER = 0.5


class _Room:
    """A workspace's feed and those who follow it."""

    def __init__(self, workspace: UUID) -> None:
        self.who = Identity(workspace_id=workspace)
        self.feed = Feed(0)
        self.followers: set[Subscription] = set()
        self.unsure = True
        """Something may have happened unheard."""
        self.placed = asyncio.Event()
        """It is known how far the numbers have come."""
        self.mending: asyncio.Task[None] | None = None
        self.begun = 0
        """How often the numbers began anew."""
        self._news = asyncio.Event()

    async def news(self) -> None:
        """Return when there is something new."""
        await self._news.wait()

    def wake(self) -> None:
        """There is something new."""
        self._news.set()
        self._news.clear()


class Subscription:
    """One follower's place: what it has ``seen``, and how it gets to what comes next."""

    def __init__(self, hub: "Hub", room: _Room, seen: int) -> None:
        self.seen = seen
        self.last = seen
        """The last event there was when the place was found: what comes after it is news."""
        self._hub = hub
        self._room = room
        self._begun = room.begun
        self._page: Sequence[Told] = ()
        self._quick = False

    async def next(self) -> Sequence[Told]:
        """The events that follow ``seen``, at most ``PAGE``, waited for when there is none.

        Raises:
            GoneError: the next one is not there any more.
            SlowError: it was kept for a while, and was not asked for.

        """
        while True:
            feed = self._room.feed
            if self._room.begun != self._begun:
                raise GoneError("the events are not those of before: read anew, then follow from the last on")
            if self._page:
                page, self._page = self._page, ()
            elif self.seen >= feed.last:
                await self._room.news()
                # Who has seen everything is not slow, however much has happened now.
                self._quick = False
                continue
            elif (kept := feed.after(self.seen, PAGE)) is not None:
                self._quick = True
                return kept
            elif self._quick:
                raise SlowError(f"event {self.seen + 1} was not taken in time")
            else:
                page = await self._hub.page(self._room.who, self.seen)
            if not page or page[0].number != self.seen + 1:
                raise GoneError(f"event {self.seen + 1} is not kept any more: read anew, then follow from the last on")
            return page

    async def open(self, after: int | None) -> None:
        """Find the place; as :meth:`Hub.follow`."""
        await self._room.placed.wait()
        self._begun = self._room.begun
        feed = self._room.feed
        self.seen = feed.last if after is None else after
        last = feed.last
        if self.seen > last:
            # Another process may have been told sooner; or it is a number of some other database.
            last = await self._hub.last(self._room.who)
        if self.seen > last:
            raise GoneError(f"there is no event {self.seen} yet: read anew, then follow from the last on")
        if last - self.seen > MAX_BEHIND:
            raise GoneError(f"{last - self.seen} events have happened since: read anew, then follow from the last on")
        self.last = last
        if self.seen < feed.last and feed.after(self.seen, 1) is None:
            # Whether they are still there is known before anything is promised.
            self._page = await self.next()

    def close(self) -> None:
        """Follow no more; a second call does nothing."""
        self._hub.leave(self, self._room)


class Hub:
    """Who follows what. Every method is called by the event loop's thread."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._rooms: dict[UUID, _Room] = {}
        self._asking = asyncio.Semaphore(_ASKING)

    async def follow(self, who: Identity, after: int | None) -> Subscription:
        """Follow the workspace of ``who`` from the event after number ``after`` on, or from now on; to be closed.

        Raises:
            GoneError: that event is not there any more, or too many have happened since.
            BusyError: too many follow that workspace.

        """
        room = self._rooms.get(who.workspace_id)
        if room is None:
            room = self._rooms[who.workspace_id] = _Room(who.workspace_id)
        if len(room.followers) >= MAX_FOLLOWERS:
            raise BusyError(f"{MAX_FOLLOWERS} connections follow this workspace already")
        subscription = Subscription(self, room, 0)
        room.followers.add(subscription)
        self._mend(room)
        try:
            await subscription.open(after)
        except BaseException:
            subscription.close()
            raise
        return subscription

    def leave(self, subscription: Subscription, room: _Room) -> None:
        """One follows no more."""
        room.followers.discard(subscription)
        if not room.followers and self._rooms.get(room.who.workspace_id) is room:
            del self._rooms[room.who.workspace_id]
            if room.mending is not None:
                room.mending.cancel()

    def hear(self, payload: str) -> None:
        """A notification: workspace, number, kind, moment and body, with blanks between; large bodies are left out."""
        workspace, _, rest = payload.partition(" ")
        try:
            room = self._rooms.get(UUID(workspace))
            if room is None:
                return
            number, kind, at, *body = rest.split(" ", 3)
            event = told(Event(number=int(number), kind=kind, at=at, body=body[0])) if body else None
            room.feed.hear(int(number), event)
        except ValueError:
            log.warning("not a notification of an event: %.60r", payload)
            return
        room.wake()
        if room.feed.behind:
            self._mend(room)

    def again(self) -> None:
        """It is listened again: who knows what happened meanwhile."""
        for room in self._rooms.values():
            room.unsure = True
            self._mend(room)

    async def page(self, who: Identity, after: int) -> list[Told]:
        """The events after a number, as the database has them."""

        async def ask() -> list[Told]:
            async with self._asking:
                return [told(event) for event in await self._events.after(who, after, limit=PAGE)]

        return await asyncio.create_task(ask(), context=Context())

    async def last(self, who: Identity) -> int:
        """The number of the last event, as the database has it."""

        async def ask() -> int:
            async with self._asking:
                return await self._events.last(who)

        return await asyncio.create_task(ask(), context=Context())

    def _mend(self, room: _Room) -> None:
        if (room.unsure or room.feed.behind) and room.mending is None:
            # In a context of its own: what it asks is not asked by the request that happened to be there.
            room.mending = asyncio.create_task(self._complete(room), name="feed", context=Context())

    async def _complete(self, room: _Room) -> None:
        """Ask for what is missing until nothing is."""
        try:
            while room.unsure or room.feed.behind:
                try:
                    await self._ask(room)
                except LOST as error:
                    log.warning("events cannot be read, tried again: %s: %s", type(error).__name__, error)
                    await asyncio.sleep(_AGAIN_AFTER)
                room.wake()
        finally:
            room.mending = None

    async def _ask(self, room: _Room) -> None:
        feed = room.feed
        if not room.unsure:
            page = await self.page(room.who, feed.last)
            feed.take(page)
            # Said to have happened, and not there: who knows how far the numbers have come.
            room.unsure = not page
            return
        room.unsure = False
        try:
            last = await self.last(room.who)
        except BaseException:
            room.unsure = True
            raise
        if not room.placed.is_set() or last - feed.last > KEPT:
            feed.skip_to(last)
            room.placed.set()
        elif last < feed.last:
            # As after the database was put back to an earlier state. What was heard of the new numbers was taken for
            # old: it is asked for.
            room.feed, room.begun, room.unsure = Feed(last), room.begun + 1, True
        else:
            feed.hear(last)
