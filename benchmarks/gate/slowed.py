"""``python -m benchmarks.gate.slowed``: the reference API with one route made worse, as the environment says.

What is added to a request is added within the service, where a slower statement or a slower loop would add it: after
its work is done, and before its answer begins. So it is seen by whoever looks at the answer, at any percentile, and
keeps a connection of the generator busy, but neither a connection of the database nor a core.
"""

import asyncio
import json
import os
import random
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any
from unittest.mock import patch

from tailgate_service import __main__, app, server

ENVIRONMENT = "TAILGATE_BENCHMARK_SLOWED"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What one route's requests suffer, all or a share of them."""

    method: str
    path: str
    """Without parameters; a ``*`` stands for one segment."""
    factor: float = 0.0
    """They take longer by so much of what they take."""
    delay: float = 0.0
    """And by so many seconds."""
    share: float = 1.0

    def told(self) -> dict[str, str]:
        """The variable that the service reads."""
        return {ENVIRONMENT: json.dumps(asdict(self))}


class Slowed:
    """An ASGI application whose answers to one route are held back."""

    def __init__(self, app: Any, fault: Fault) -> None:
        self._app = app
        self._fault = fault
        self._segments = fault.path.split("/")
        self._random = random.Random(0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if not self._concerns(scope):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def late(message: Any) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(self._fault.factor * (time.perf_counter() - began) + self._fault.delay)
            await send(message)

        chosen = self._fault.share >= 1 or self._random.random() < self._fault.share
        await self._app(scope, receive, late if chosen else send)

    def _concerns(self, scope: Any) -> bool:
        if scope["type"] != "http" or scope["method"] != self._fault.method:
            return False
        segments = scope["path"].split("/")
        pairs = zip(segments, self._segments, strict=False)
        return len(segments) == len(self._segments) and all(wanted in ("*", each) for each, wanted in pairs)


def main() -> int:
    """Serve as ``python -m tailgate_service`` does."""
    fault = Fault(**json.loads(os.environ.pop(ENVIRONMENT)))

    def create(*arguments: Any) -> Any:
        made = app.create_app(*arguments)
        made.add_middleware(Slowed, fault=fault)
        return made

    with patch.object(server, "create_app", create):
        return __main__.main()


if __name__ == "__main__":
    sys.exit(main())
