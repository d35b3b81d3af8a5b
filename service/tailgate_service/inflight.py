"""Which requests are being answered, so that what they stand on can be left when the last of them is done with it."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _Generation:
    """Requests that began between two turns."""

    def __init__(self) -> None:
        self._count = 0
        self._over = asyncio.Event()
        self._over.set()

    def begin(self) -> None:
        self._count += 1
        self._over.clear()

    def end(self) -> None:
        self._count -= 1
        if self._count == 0:
            self._over.set()

    async def over(self) -> None:
        await self._over.wait()


class InFlight:
    """ASGI middleware. A request is in flight until its answer begins: by then the store has been asked.

    A live connection is not: it goes on for hours, and asks only for what every variant and level has.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._current = _Generation()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        generation = self._current
        generation.begin()
        answered = False

        async def sending(message: Message) -> None:
            nonlocal answered
            if not answered:
                answered = True
                generation.end()
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            if not answered:
                generation.end()

    async def turn(self, within: float) -> bool:
        """Wait until no request that has begun is in flight; false when one still is after ``within`` seconds."""
        before, self._current = self._current, _Generation()
        try:
            async with asyncio.timeout(within):
                await before.over()
        except TimeoutError:
            return False
        return True
