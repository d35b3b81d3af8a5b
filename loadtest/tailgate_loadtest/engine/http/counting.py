"""Counts what is no plain request, as the session counts requests: by the watch, and by Locust's event for others."""

import time
from typing import Any

from locust import User

from tailgate_loadtest.engine.tracker import CONTEXT_KEY, COUNTED
from tailgate_loadtest.engine.watch import Watch


class Counter:
    """Counts for one stream, under its method (``WS``, ``SSE``) and its name."""

    def __init__(
        self, method: str, url: str, name: str | None, watch: Watch | None, event: Any, user: User | None
    ) -> None:
        self.method = method
        self.url = url
        self.watch = watch
        self._name = name or (url if watch is None else watch.called(method, url))
        self._event = event
        self._user = user

    def begin(self, word: str, name: str | None = None) -> "Count":
        """Something begins that the user does; ``name`` takes the place of the stream's name and the word."""
        return Count(self, name or f"{self._name} {word}", None)

    def aside(self, word: str, ago: float = 0.0) -> "Count":
        """Something has begun, ``ago`` seconds back, that comes to the user by itself, whatever it is doing."""
        return Count(self, f"{self._name} {word}", ago)

    def rest(self) -> None:
        """What the user has done until now is not counted."""
        if self.watch is not None:
            self.watch.rest()

    def report(self, name: str, service: float, error: BaseException | None) -> None:
        """Tell Locust's listeners; those of the engine know already."""
        # Locust's hook says nowhere else whether anybody but the watch's own listener would hear it.
        if self.watch is not None and len(self._event._handlers) == 1:
            return
        self._event.fire(
            request_type=self.method,
            name=name,
            response_time=service * 1e3,
            response_length=0,
            response=None,
            exception=error,
            context={
                **(self._user.context() if self._user else {}),
                **({} if self.watch is None else {CONTEXT_KEY: COUNTED}),
            },
            start_time=time.time() - service,
            url=self.url,
        )


class Count:
    """One thing being counted. It ends once: by ``end``, ``lose`` or ``forget``."""

    def __init__(self, counter: Counter, name: str, ago: float | None) -> None:
        self.begun = time.perf_counter() - (ago or 0.0)
        self._counter = counter
        self._name = name
        self._number = 0
        if counter.watch is not None and ago is None:
            self._number = counter.watch.depart(counter.method, counter.url, name)
        elif counter.watch is not None and ago is not None:
            self._number = counter.watch.aside(counter.method, name, ago)

    def end(self, error: BaseException | None = None, *, at: float | None = None) -> None:
        """It has come to its end, now or ``at`` that moment of the monotonic clock."""
        service = max((time.perf_counter() if at is None else at) - self.begun, 0.0)
        if self._counter.watch is not None:
            self._counter.watch.arrive(self._number, service, error, None)
        self._counter.report(self._name, service, error)

    def lose(self, error: BaseException) -> None:
        """It was broken off."""
        if self._counter.watch is not None:
            self._counter.watch.lose(self._number, error)

    def forget(self) -> None:
        """It is counted elsewhere."""
        if self._counter.watch is not None:
            self._counter.watch.forget(self._number)
