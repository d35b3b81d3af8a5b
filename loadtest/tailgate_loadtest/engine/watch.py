"""Has the client of a user tell the tracker of its requests.

The client for load tells by itself, by a Watch. Any other with a ``request`` method (HttpUser's, FastHttpUser's, and
their kin) has it wrapped on the instance, so that what is in flight is known; how it ended Locust's own event tells.
"""

from collections.abc import Callable, Mapping
from typing import Any

from locust import User

from tailgate_loadtest.engine.agent import introduce
from tailgate_loadtest.engine.outcome import error_name, status_error
from tailgate_loadtest.engine.tracker import CONTEXT_KEY, Tracker
from tailgate_loadtest.engine.visit import Visit


class Watch:
    """What the client of one user tells of its requests."""

    __slots__ = ("_tracker", "_visit")

    def __init__(self, tracker: Tracker, visit: Visit) -> None:
        self._tracker = tracker
        self._visit = visit

    def depart(self, method: str, url: str, name: str | None) -> int:
        """A request is sent, with a name or without. Returns its number."""
        return self._tracker.depart(self._visit, method, url, name)

    def aside(self, method: str, name: str, ago: float) -> int:
        """Something has come by itself, due ``ago`` seconds back. Returns its number."""
        return self._tracker.aside(self._visit, method, name, ago)

    def called(self, method: str, url: str) -> str:
        """What a path without a name is called."""
        return self._tracker.called(method, url)

    def forget(self, number: int) -> None:
        """It is counted elsewhere."""
        self._tracker.forget(number)

    def rest(self) -> None:
        """What the user has done until now was no request."""
        self._tracker.rest(self._visit)

    def arrive(self, number: int, service: float, error: BaseException | None, response: Any) -> None:
        """Its answer, or the lack of one, ``service`` seconds after the send."""
        if error is None:
            self._tracker.arrive(number, service, None, response)
            return
        self._tracker.fail(number, service, error, error_name(error, response), response)

    def hold(self, number: int, error: BaseException | None, response: Any) -> None:
        """Its answer, on which the locustfile has the last word."""
        self._tracker.hold(number, error_name(error, response) if error else None, response)

    def lose(self, number: int, error: BaseException) -> None:
        """It was broken off."""
        self._tracker.lose(number, error)


def watch(user: User, visit: Visit, tracker: Tracker, headers: Mapping[str, str]) -> None:
    """Have the tracker hear of a user's requests, each of which bears these headers, too."""
    client: Any = getattr(user, "client", None)
    if hasattr(client, "watch"):
        client.watch = Watch(tracker, visit)
        client.add_headers(headers)
    elif callable(getattr(client, "request", None)):
        introduce(client)
        _wrap(client, visit, tracker, headers)


def _wrap(client: Any, visit: Visit, tracker: Tracker, headers: Mapping[str, str]) -> None:
    original: Callable[..., Any] = client.request
    flights = tracker.flights

    def request(method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        name = kwargs.get("name") or (args[0] if args else None) or getattr(client, "request_name", None)
        number = tracker.depart(visit, method, str(url), name)
        kwargs["context"] = {**(kwargs.get("context") or {}), CONTEXT_KEY: number}
        if headers:
            kwargs["headers"] = {**headers, **(kwargs.get("headers") or {})}
        try:
            response = original(method, url, *args, **kwargs)
        except BaseException as error:
            if number in flights:
                tracker.lose(number, error)
            raise
        if number in flights:
            tracker.hold(number, status_error(response))
        return response

    client.request = request
