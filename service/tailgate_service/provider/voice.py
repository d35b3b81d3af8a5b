"""What a voice provider offers: agents that it is told of, and calls that speak."""

import asyncio
import hmac
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import JSONResponse

from tailgate_service.provider.behaviour import Behaviour, Place

WORDS = ("connected", "speaking", "ended")
_NO_JSON = b"\xff<html>not what you asked for"


class Voice:
    """The provider's state, and how it behaves just now.

    Attributes:
        agents: what it was last told of each, and how often, by its name.
        calls: the agent of each call that was begun and not taken up.

    """

    def __init__(self, key: str, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.agents: dict[str, dict[str, Any]] = {}
        self.calls: dict[str, str] = {}
        self._key = key

    def app(self) -> FastAPI:
        """Its HTTP and WebSocket interface."""
        app = FastAPI(title="A voice provider", docs_url=None, redoc_url=None)

        @app.put("/v1/agents/{agent_id}")
        async def put_agent(request: Request, agent_id: str) -> Response:
            told = await request.json()
            failure = await self._failure(request, "agents")
            if failure is not None:
                return failure
            times = self.agents.get(agent_id, {"times": 0})["times"]
            self.agents[agent_id] = {"told": told, "times": times + 1}
            return JSONResponse({"id": agent_id})

        @app.post("/v1/calls")
        async def start_call(request: Request) -> Response:
            told = await request.json()
            failure = await self._failure(request, "calls")
            if failure is not None:
                return failure
            if told.get("agent_id") not in self.agents:
                return JSONResponse({"error": "no such agent"}, 404)
            call = str(uuid4())
            self.calls[call] = told["agent_id"]
            return JSONResponse({"id": call}, 201)

        @app.websocket("/v1/calls/{call_id}")
        async def words(socket: WebSocket, call_id: str) -> None:
            if not self._knows(socket.headers.get("authorization", "")) or self.calls.pop(call_id, None) is None:
                await socket.close()
                return
            await socket.accept()
            for number, word in enumerate(WORDS):
                await asyncio.sleep(self.behaviour.delay)
                if number:
                    await self._stumble(socket)
                await socket.send_json({"type": word})
            await socket.close()

        return app

    async def _failure(self, request: Request, place: Place) -> Response | None:
        await asyncio.sleep(self.behaviour.delay)
        if not self._knows(request.headers.get("authorization", "")):
            return JSONResponse({"error": "who are you?"}, 401)
        match self.behaviour.fails(place):
            case "hang":
                await _never()
            case "error":
                return JSONResponse({"error": "broken"}, 500)
            case "garbage":
                return Response(_NO_JSON, media_type="application/json")
            case "drop":
                # Fewer bytes than were announced: the server breaks the connection off.
                return Response(b"{", headers={"content-length": "100"}, media_type="application/json")
        return None

    async def _stumble(self, socket: WebSocket) -> None:
        match self.behaviour.fails("words"):
            case "hang":
                await _never()
            case "error":
                await socket.send_json({"type": "failed", "reason": "the line is bad"})
            case "garbage":
                await socket.send_bytes(_NO_JSON)
            case "drop":
                await socket.close(1011)

    def _knows(self, authorization: str) -> bool:
        return not self._key or hmac.compare_digest(authorization.encode(), f"Bearer {self._key}".encode())


async def _never() -> None:
    await asyncio.Event().wait()
