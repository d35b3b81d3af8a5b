"""What is fetched of a server: within its bounds, and without telling another server what was for this one."""

import urllib.error
from collections.abc import Iterator

import pytest
from tailgate_loadtest.measure.fetching import fetch

from tests.server import HEAD, Request, Response, Server, Wire


class Somebody(Server):
    """A page, a large one, one that drips without end, and two addresses that send on: to the page, and elsewhere."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.elsewhere = ""

    def _answer(self, request: Request) -> Response | Wire:
        moved = {"/there": "/page", "/elsewhere": self.elsewhere}
        if request.path in moved:
            return Response(status=302, headers={"Location": moved[request.path]})
        if request.path == "/drip":
            return self.drip(request)
        return [HEAD, b"x" * (2_000_000 if request.path == "/large" else 5)]


@pytest.fixture
def server() -> Iterator[Somebody]:
    with Somebody() as server:
        yield server


def asked(url: str, within: float = 30.0) -> bytes:
    return fetch(url, {"Authorization": "Basic c2VjcmV0"}, within=within, most=1 << 20)


def test_a_page_comes_whole_and_a_redirect_on_its_server_is_followed(server: Somebody) -> None:
    assert asked(f"{server.url}/page") == asked(f"{server.url}/there") == b"xxxxx"
    assert {request.headers.get("authorization") for request in server.asked} == {"Basic c2VjcmV0"}


def test_another_server_is_told_nothing(server: Somebody) -> None:
    with Somebody() as other:
        server.elsewhere = f"{other.url}/page"
        with pytest.raises(urllib.error.HTTPError) as refused:
            asked(f"{server.url}/elsewhere")
        refused.value.close()
    assert refused.value.code == 302
    assert other.asked == []


def test_who_sends_a_byte_now_and_then_is_not_waited_for(server: Somebody) -> None:
    with pytest.raises(TimeoutError, match="no whole answer within"):
        asked(f"{server.url}/drip", within=0.4)


def test_what_is_too_large_is_not_read(server: Somebody) -> None:
    with pytest.raises(OSError, match="larger than 1 MiB"):
        asked(f"{server.url}/large")
