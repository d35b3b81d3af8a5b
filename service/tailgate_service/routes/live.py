"""The real-time inbox: what happens in a workspace, as it happens, by WebSocket or by server-sent events.

A page that begins: ask for a ticket, connect without ``after``, and read the inbox after the hello; events that the
inbox shows already change nothing. A page that lost its connection: ask for a ticket, connect with the number of the
last event seen. When that is refused with 410, or ended with 4410, too much has happened: begin again.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response, WebSocket
from fastapi.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from tailgate_service.auth import tickets
from tailgate_service.errors import BusyError, GoneError
from tailgate_service.fields import LastEventId
from tailgate_service.identity import Identity
from tailgate_service.live.connection import GONE
from tailgate_service.live.hub import Subscription
from tailgate_service.live.lines import HEADERS, MEDIA_TYPE, EventsLine, WebSocketLine
from tailgate_service.live.live import Live
from tailgate_service.models.live import LiveEvent
from tailgate_service.origin import admitted
from tailgate_service.problems import Problem, responses
from tailgate_service.routes import answer
from tailgate_service.settings import Settings
from tailgate_service.store.base import Store

router = APIRouter(tags=["live"])

MAX_NUMBER = 2**63 - 1

After = Annotated[
    int | None, Query(ge=0, le=MAX_NUMBER, description="the number of the last event seen; without it, only new ones")
]


async def _follower(
    connection: HTTPConnection,
    ticket: Annotated[str, Query(min_length=1, max_length=256, description="from POST /api/live/ticket; good once")],
) -> Identity:
    settings: Settings = connection.app.state.settings
    store: Store = connection.app.state.store
    # A page of anybody's may connect here from a browser that we trust.
    if not admitted(connection.headers.get("origin"), connection.headers.get("host", ""), settings.allowed_origins):
        raise Problem(403, "Pages of that origin may not connect here.")
    who = await tickets.redeem(store.access, ticket)
    if who is None:
        detail = "The ticket is not known, or used, or too old: ask for another at POST /api/live/ticket."
        raise Problem(401, detail, headers={"www-authenticate": "Ticket"})
    return who


async def _live(connection: HTTPConnection) -> Live:
    live: Live = connection.app.state.live
    return live


FollowerOf = Annotated[Identity, Depends(_follower)]
LiveOf = Annotated[Live, Depends(_live)]


@router.websocket("/api/live")
async def websocket(websocket: WebSocket, live: LiveOf, who: FollowerOf, after: After = None) -> None:
    """Send a hello, then each event that follows ``after``, then each as it happens, a text of JSON each."""
    try:
        subscription = await live.follow(who, after)
    except GoneError as error:
        # A page's script sees a close code, not the status of a handshake that was refused.
        await websocket.accept()
        await websocket.close(GONE.code, str(error))
        return
    except BusyError as error:
        raise _busy(error) from error
    try:
        await websocket.accept()
    except BaseException:
        subscription.close()
        raise
    await live.serve(WebSocketLine(websocket), who, subscription)


@router.get(
    "/api/live/events",
    response_class=Response,
    responses={200: answer.stream(LiveEvent), **responses(401, 403, 410, 413, 422, 500, 503)},
)
async def events(
    live: LiveOf,
    who: FollowerOf,
    after: After = None,
    last_event_id: Annotated[LastEventId | None, Header()] = None,
) -> Response:
    """The same as server-sent events: the header of a client that comes back says more than its address."""
    return _Stream(live, who, after if last_event_id is None else int(last_event_id))


class _Stream(Response):
    """Follows when it is sent, and answers with a problem when that cannot be."""

    media_type = MEDIA_TYPE

    def __init__(self, live: Live, who: Identity, after: int | None) -> None:
        self._live = live
        self._who = who
        self._after = after
        self.status_code = 200
        self.background = None
        self.init_headers(HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        subscription = await self._follow()
        try:
            line = EventsLine(receive, send)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await line.begin()
        except BaseException:
            subscription.close()
            raise
        await self._live.serve(line, self._who, subscription)

    async def _follow(self) -> Subscription:
        try:
            return await self._live.follow(self._who, self._after)
        except GoneError as error:
            raise Problem(410, str(error)) from error
        except BusyError as error:
            raise _busy(error) from error


def _busy(error: BusyError) -> Problem:
    return Problem(503, str(error), headers={"retry-after": "1"})
