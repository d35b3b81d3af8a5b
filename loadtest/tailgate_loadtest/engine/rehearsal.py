"""Walks through a locustfile's tasks and sends nothing, to learn which routes one arrival of each persona requests.

For a process of its own: it leaves Locust's clients and gevent's sleep as they would not be for a load.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Self

import gevent
from locust import User
from locust.env import Environment
from locust.user.task import DefaultTaskSet

from tailgate_loadtest.engine.naming import Naming

_TIMES = 200
_MOST = 100_000


class _Unknown:
    """What an answer would hold. A task may hand it on, say into the next address; one that goes by it fails."""

    __hash__ = None  # type: ignore[assignment]  # nothing is known by it
    __bool__ = __eq__ = __iter__ = __len__ = __int__ = None  # type: ignore[assignment]

    def __getitem__(self, _: object) -> Self:
        """A part of it."""
        return self

    def __str__(self) -> str:
        """Anything."""
        return "0"


class _NoAnswer:
    """What a request comes back with: good, and empty. A task that goes by more of it cannot be rehearsed."""

    ok = True
    status_code = 200
    text = ""
    content = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was open."""

    def json(self) -> _Unknown:
        """It holds something."""
        return _Unknown()

    def success(self) -> None:
        """The locustfile likes it."""

    def failure(self, _: object) -> None:
        """The locustfile does not like it."""

    def raise_for_status(self) -> None:
        """It is good."""


class _SilentStream:
    """A stream over which nothing comes. A task that waits for something cannot be rehearsed."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> Self:
        """It opens."""
        self._count("connect")
        return self

    def close(self) -> None:
        """It closes."""
        self._count("close")

    def send(self, *_: object, **__: object) -> None:
        """It is taken."""

    def listen(self, _: float) -> Iterator[object]:
        """Nothing comes."""
        return iter(())


def rehearse(environment: Environment, naming: Naming) -> dict[str, dict[str, Any]]:
    """Per user class: its weight, and the mean requests per route of an arrival; None where that cannot be known."""
    give_way = gevent.sleep
    # A task may wait for greenlets of its own: whoever sleeps besides must let them run.
    gevent.sleep = time.sleep = lambda *_: give_way(0)
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

    def stream(method: str) -> Callable[..., _SilentStream]:
        def opened(url: str, name: str | None = None, **_: object) -> _SilentStream:
            called = name or naming.route(method, url, None).partition(" ")[2]

            def count(word: str) -> None:
                request(method, url, name=f"{called} {word}")

            return _SilentStream(count)

        return opened

    client.request = request  # type: ignore[union-attr]  # it has one, as was seen above
    client.websocket, client.events = stream("WS"), stream("SSE")  # type: ignore[union-attr]
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
