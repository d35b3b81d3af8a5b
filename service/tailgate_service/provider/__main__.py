"""``python -m tailgate_service.provider``: listen at two addresses until told to stop.

Standard output gets one line of JSON once both are listened at: ``url`` is the provider's, ``control_url`` where its
behaviour is shown (``GET /behaviour``), changed (``PUT``), and what it was told (``GET /agents``). The provider's key
is taken from the environment.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.types import ASGIApp
from tailgate_otel import names

from tailgate_service.process import die_with_parent
from tailgate_service.provider.behaviour import FAULTS, Behaviour
from tailgate_service.provider.voice import Voice

_LOOPBACK = "127.0.0.1"


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals alone, and can be waited for until it listens."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=0,
            )
        )
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept."""
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _Listening:
    """An application at an address, which it can leave and come back to."""

    def __init__(self, app: ASGIApp, port: int, host: str = _LOOPBACK) -> None:
        self._app = app
        self._host = host
        self.port = port
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Listen; nothing when it does."""
        if self._server is not None:
            return
        listener = socket.create_server((self._host, self.port))
        self.port = listener.getsockname()[1]
        self._server = _Server(self._app)
        self._serving = asyncio.create_task(self._server.serve([listener]))
        await self._server.listening.wait()

    async def end(self) -> None:
        """Hang up on everybody, and listen no more."""
        server, serving, self._server = self._server, self._serving, None
        if server is not None and serving is not None:
            server.should_exit = True
            await serving


def _control(voice: Voice, listening: _Listening) -> FastAPI:
    app = FastAPI(title="How the voice provider behaves", docs_url=None, redoc_url=None)

    @app.get("/behaviour")
    async def behaviour() -> Behaviour:
        return voice.behaviour

    @app.put("/behaviour")
    async def behave(behaviour: Behaviour) -> Behaviour:
        voice.behaviour = behaviour
        if behaviour.fault == "refuse":
            await listening.end()
        else:
            await listening.begin()
        return behaviour

    @app.get("/agents")
    async def agents() -> dict[str, dict[str, object]]:
        return voice.agents

    return app


async def _serve(host: str, port: int, control_port: int, voice: Voice) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    listening = _Listening(voice.app(), port, host)
    control = _Listening(_control(voice, listening), control_port)
    await listening.begin()
    await control.begin()
    urls = {"url": f"http://{host}:{listening.port}", "control_url": f"http://{_LOOPBACK}:{control.port}"}
    if voice.behaviour.fault == "refuse":
        await listening.end()
    sys.stdout.write(json.dumps({"ready": True, **urls}) + "\n")
    sys.stdout.flush()
    await stopping.wait()
    await listening.end()
    await control.end()


def main() -> int:
    """Listen until told to stop; the exit status."""
    die_with_parent()
    parser = argparse.ArgumentParser(
        prog="python -m tailgate_service.provider", description="Stand in for the outside voice provider."
    )
    parser.add_argument("--host", default=_LOOPBACK, help="the provider's address; its behaviour is set on loopback")
    parser.add_argument("--port", type=int, default=0, help="0 for any")
    parser.add_argument("--control-port", type=int, default=0, help="0 for any")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer and each word of a call")
    parser.add_argument("--fault", choices=FAULTS, default="none")
    arguments = parser.parse_args()
    try:
        behaviour = Behaviour(fault=arguments.fault, delay=arguments.delay)
    except ValidationError as error:
        parser.error(f"--delay {arguments.delay:g}: {error.errors()[0]['msg']}")
    voice = Voice(os.environ.get(names.ENV_VOICE_KEY, ""), behaviour)
    try:
        asyncio.run(_serve(arguments.host, arguments.port, arguments.control_port, voice))
    except OSError as error:
        sys.stderr.write(f"tailgate-provider: cannot listen: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
