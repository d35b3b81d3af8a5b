"""Walks through a locustfile's tasks and sends nothing, to learn which routes one arrival of each persona requests.

For a process of its own: it leaves Locust's clients and gevent's sleep as they would not be for a load.
"""

import time
from collections import Counter
from typing import Any, Self

import gevent
from locust import User
from locust.env import Environment
from locust.user.task import DefaultTaskSet

from tailgate_loadtest.engine.naming import Naming

_TIMES = 200
_MOST = 100_000


class _NoAnswer:
    """What a request comes back with: good, and empty. A task that wants more of it cannot be rehearsed."""

    ok = True
    status_code = 200
    text = ""
    content = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was open."""

    def success(self) -> None:
        """The locustfile likes it."""

    def failure(self, _: object) -> None:
        """The locustfile does not like it."""

    def raise_for_status(self) -> None:
        """It is good."""


def rehearse(environment: Environment, naming: Naming) -> dict[str, dict[str, Any]]:
    """Per user class: its weight, and the mean requests per route of an arrival; None where that cannot be known."""
    gevent.sleep = time.sleep = lambda *_: None
    return {
        cls.__name__: {"weight": float(cls.weight), "requests": _walk(environment, cls, naming)}
        for cls in environment.user_classes
    }


def _walk(environment: Environment, cls: type[User], naming: Naming) -> dict[str, float] | None:
    user = cls(environment)
    client = getattr(user, "client", None)
    if not callable(getattr(client, "request", None)) or any(isinstance(task, type) for task in cls.tasks):
        return None
    counts: Counter[str] = Counter()

    def request(method: str, url: str, *_: Any, **kwargs: Any) -> _NoAnswer:
        if counts.total() >= _MOST:
            raise RecursionError("a task that never ends without a real answer")
        name = kwargs.get("name") or getattr(client, "request_name", None)
        counts[naming.route(method, url, name)] += 1
        return _NoAnswer()

    # What comes over a stream cannot be known without a server.
    for stream in ("websocket", "events"):
        setattr(client, stream, None)
    client.request = request  # type: ignore[union-attr]  # it has one, as was seen above
    user.wait = lambda: None  # type: ignore[method-assign]  # think time is no part of a rehearsal
    tasks = DefaultTaskSet(user)
    try:
        user.on_start()
        counts.clear()  # set-up is not judged
        for _ in range(_TIMES):
            tasks.execute_task(tasks.get_next_task())
    except Exception:  # noqa: BLE001 - a task that wants a real answer may fail in any way, and is then not known
        return None
    return {route: count / _TIMES for route, count in sorted(counts.items())}
