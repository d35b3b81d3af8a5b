"""The page on personas: every line of code on it, run against a server that has what they ask for."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.loadtest.conftest import carry_out, plan_of, steady
from tests.loadtest.streams import wait_for

PAGE = Path(__file__).parents[2] / "docs" / "personas.md"


async def shop(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An ASGI application: a chat by WebSocket, a stream of events, and anything else is fine."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await receive()
        while (message := await receive())["type"] == "websocket.receive":
            if message["text"].startswith("{"):
                reference = json.loads(message["text"]).get("reference")
                answer = {"sent_at": time.time(), "reference": reference}
                await send({"type": "websocket.send", "text": json.dumps(answer)})
    elif scope["type"] == "http":
        stream = scope["path"] == "/inbox/stream"
        kind = b"text/event-stream" if stream else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        for n in range(10 if stream else 0):
            event = f"id: {n}\ndata: {json.dumps({'sent_at': time.time(), 'order': n})}\n\n"
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
            await asyncio.sleep(0.05)
        if stream:
            while (await receive())["type"] != "http.disconnect":
                continue
        else:
            await send({"type": "http.response.body", "body": b'{"ok": true}'})


@pytest.fixture
def url() -> Iterator[str]:
    config = uvicorn.Config(shop, host="127.0.0.1", port=0, ws="wsproto", log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = server.force_exit = True
    thread.join()


def test_every_line_on_the_page_does_what_the_page_says(url, tmp_path):
    (tmp_path / "cards.csv").write_text("number,name\n" + "".join(f"{n},Ada\n" for n in range(100)))
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    document = carry_out(plan_of(tmp_path, url, code, steady(25, 3))).read_run()
    assert document.exceptions == {}
    found = {record.route: record for record in document.routes}
    assert set(found) == {
        *("POST /login", "GET /orders", "GET /orders/{id}", "POST /answers", "POST /payments"),
        *(f"WS /live {word}" for word in ("connect", "exchange", "delivery", "close")),
        *(f"SSE /inbox/stream {word}" for word in ("connect", "delivery", "close")),
        *(f"WS /live/patient {word}" for word in ("connect", "exchange", "close")),
    }
    assert {name for name, record in found.items() if record.failed} == {"WS /live/patient exchange"}
    patient = found["WS /live/patient exchange"]
    assert patient.errors == {"TimedOut": patient.requests // 2}
