"""Which requests are being answered, so that what they stand on can be left when the last of them is done with it."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class InFlight:
    """ASGI middleware. A request is in flight until its answer begins: by then the store has been asked.

    A live connection is not: it goes on for hours, and asks only for what every variant and level has.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._answers: set[asyncio.Future[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers.add(answer)

        async def sending(message: Message) -> None:
            self._over(answer)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            self._over(answer)

    async def turn(self, within: float) -> bool:
        """Wait until no request that has begun is in flight; false when one still is after ``within`` seconds."""
        if not self._answers:
            return True
        _, late = await asyncio.wait(self._answers, timeout=within)
        return not late

    def _over(self, answer: "asyncio.Future[None]") -> None:
        if not answer.done():
            answer.set_result(None)
            self._answers.discard(answer)
