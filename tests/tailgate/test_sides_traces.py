"""Traces of services that run elsewhere come to the side they are of, and say why one got worse."""

import json
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
from tailgate_loadtest.shapes.sides import Side

from tailgate.errors import CommandError
from tailgate.sides.traces import receiving
from tests.loadtest.exports import request_of
from tests.tailgate.conftest import Command, free_port
from tests.tailgate.traced import SHOPPER, service

BASE, CANDIDATE = Side.BASE, Side.CANDIDATE


def send(endpoint: str, number: int) -> int:
    """The status with which the spans of a request are taken, or not; 0 is the number of none."""
    body = json.dumps(request_of(number)).encode() if number else b""
    request = urllib.request.Request(f"{endpoint}/v1/traces", body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_at_the_address_that_sides_share_each_has_a_path_of_its_own() -> None:
    shared = ("127.0.0.1", free_port())
    address = f"http://{shared[0]}:{shared[1]}"
    with receiving(shared) as receivers:
        assert [send(f"{address}/{side}", 1) for side in Side] == [200, 200]
        assert send(f"{address}/candidate", 2) == 200
        assert send(receivers[CANDIDATE].endpoint, 3) == 200
        assert [send(f"{address}{path}", 0) for path in ("", "/", "/other")] == [404, 404, 404]
        assert [receivers[side].store.received for side in (BASE, CANDIDATE)] == [1, 3]
    with receiving(shared):
        assert send(f"{address}/base", 5) == 200


def test_without_one_each_side_has_but_its_own() -> None:
    with receiving(None) as receivers:
        assert [send(f"{receivers[side].endpoint}/{side}", 0) for side in Side] == [404, 404]


def test_where_somebody_else_listens_already_it_is_said() -> None:
    shared = ("127.0.0.1", free_port())
    with receiving(shared) as receivers:
        taken = pytest.raises(
            CommandError,
            match=rf"tailgate.yaml: service: traces: nobody can listen at 127.0.0.1:{shared[1]} \(.*; give an address",
        )
        with taken, receiving(shared):
            pass
        assert send(receivers[BASE].endpoint, 1) == 200


PROFILE = "name: steady\nstages: [{duration: 1m, rate: 60}]\nusers: 100\n"


@pytest.mark.xdist_group("two sides")
def test_of_services_at_addresses_their_traces_say_why_one_is_worse(tmp_path: Path) -> None:
    shared = f"127.0.0.1:{free_port()}"
    (tmp_path / "locustfile.py").write_text(SHOPPER)
    (tmp_path / "steady.yaml").write_text(PROFILE)
    settings = f"locustfile: locustfile.py\nprofile: steady.yaml\nservice:\n  traces: {shared}\n"
    (tmp_path / "tailgate.yaml").write_text(settings)
    with ExitStack() as stack:
        queries = {BASE: 1, CANDIDATE: 6}
        urls = {side: stack.enter_context(service(f"http://{shared}/{side}", queries[side])) for side in Side}
        asked = ("--base", urls[BASE], "--candidate", urls[CANDIDATE], "--seed", "1", "--turn", "1", "--budget", "24s")
        done = Command(tmp_path).here("ab", *asked, "--error-rate", "0.1", "--json")
    assert f"receiving the sides' traces at {shared}/base and /candidate" in done.stderr
    told = json.loads(done.stdout)
    assert (done.returncode, told["verdict"]) == (1, "fail"), told["reasons"]
    (worse,) = (cell for cell in told["cells"] if cell["measure"] == "p50")
    statement = "`SELECT name, price FROM prices WHERE item = ?` (N+1)"
    assert f"5 more queries a request (1 → 6), all {statement}" in worse["causes"]
