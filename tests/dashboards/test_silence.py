"""The silence over a load test, on a real Alertmanager: what it covers, and that it ends with the load."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from tailgate_dashboards.alerts.alertmanager import Alertmanager
from tailgate_dashboards.alerts.silence import silenced
from tailgate_dashboards.errors import AlertmanagerError
from tailgate_otel import names

from tests.dashboards.servers import alertmanager, eventually, needs_alertmanager
from tests.server import Request, Response, Server

CONFIG = """
route: {{receiver: pager, group_by: [{label}], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: pager
    webhook_configs: [{{url: "{pager}", send_resolved: false}}]
"""
ORDERS, BASKET = "tailgate-shop-orders", "tailgate-shop-basket"


class Pager(Server):
    """Who is paged, by the id of the objective."""

    def __init__(self) -> None:
        super().__init__(Response())

    @property
    def paged(self) -> list[str]:
        alerts = (alert for request in self.asked for alert in json.loads(request.body)["alerts"])
        return [alert["labels"][names.LABEL_SLO_ID] for alert in alerts]


class Desk:
    """A real Alertmanager, asked and told by plain requests."""

    def __init__(self, url: str, pager: Pager) -> None:
        self.url = url
        self.pager = pager

    def ask(self, path: str, document: Any = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def burn(self, *ids: str) -> None:
        """What Prometheus says when the budgets of these objectives burn."""
        alerts = [{"labels": {"alertname": names.ALERT_BURN, names.LABEL_SLO_ID: each}} for each in ids]
        self.ask("alerts", alerts)

    def states(self) -> dict[str, str]:
        return {each["labels"][names.LABEL_SLO_ID]: each["status"]["state"] for each in self.ask("alerts")}

    def silence(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(f"silence/{number}")
        return found

    def state(self, number: str) -> str:
        return str(self.silence(number)["status"]["state"])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Pager() as pager:
        config = CONFIG.format(label=names.LABEL_SLO_ID, pager=pager.url)
        with alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as server:
            yield Desk(server.url, pager)


def nobody(sentence: str) -> None:
    raise AssertionError(sentence)


@needs_alertmanager
def test_exactly_these_objectives_are_silenced_and_only_meanwhile(desk: Desk) -> None:
    near = [f"{ORDERS}-latency", f"a-{ORDERS}", "tailgateXshop-orders", "TAILGATE-SHOP-ORDERS"]
    with silenced(
        Alertmanager(desk.url), [ORDERS, "a.b|c(d", "ä\\e"], seconds=60, comment="a load test", on_left=nobody
    ) as number:
        desk.burn(ORDERS, "a.b|c(d", "ä\\e", "aXb", "c(d", *near)
        states = desk.states()
        assert {each for each, state in states.items() if state == "suppressed"} == {ORDERS, "a.b|c(d", "ä\\e"}
        assert desk.state(number) == "active"
        assert desk.silence(number)["comment"] == "a load test"
    assert desk.state(number) == "expired"
    assert "suppressed" not in desk.states().values()


@needs_alertmanager
def test_nobody_is_paged_while_it_stands_and_who_still_burns_is_paged_for_afterwards(desk: Desk) -> None:
    with silenced(Alertmanager(desk.url), [BASKET], seconds=60, comment="-", on_left=nobody):
        desk.burn(BASKET)
        desk.burn("tailgate-shop-control")
        eventually(lambda: "tailgate-shop-control" in desk.pager.paged)
        assert BASKET not in desk.pager.paged
    eventually(lambda: BASKET in desk.pager.paged)


@needs_alertmanager
def test_it_begins_at_once_and_ends_when_it_is_to(desk: Desk) -> None:
    before = time.time()
    number = Alertmanager(desk.url).silence([ORDERS], seconds=90, comment="-")
    found = desk.silence(number)
    begin, end = (datetime.fromisoformat(found[key]).timestamp() for key in ("startsAt", "endsAt"))
    assert before - 1 <= begin <= time.time() + 1
    assert before + 89 <= end <= time.time() + 91
    Alertmanager(desk.url).lift(number)


@needs_alertmanager
def test_one_that_has_ended_by_itself_or_was_lifted_by_somebody_needs_no_lifting(desk: Desk) -> None:
    manager = Alertmanager(desk.url)
    with silenced(manager, [ORDERS], seconds=0.3, comment="-", on_left=nobody) as number:
        eventually(lambda: desk.state(number) == "expired")
    with silenced(manager, [ORDERS], seconds=60, comment="-", on_left=nobody) as number:
        manager.lift(number)
    assert desk.state(number) == "expired"


@needs_alertmanager
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_it_is_lifted_whatever_ends_the_load(desk: Desk, error: type[BaseException]) -> None:
    numbers: list[str] = []

    def load() -> None:
        with silenced(Alertmanager(desk.url), [ORDERS], seconds=60, comment="-", on_left=nobody) as number:
            numbers.append(number)
            raise error

    with pytest.raises(error):
        load()
    assert desk.state(numbers[0]) == "expired"


@needs_alertmanager
def test_who_is_killed_leaves_one_that_ends_by_itself(desk: Desk) -> None:
    script = """
import sys, time
from tailgate_dashboards.alerts.alertmanager import Alertmanager
from tailgate_dashboards.alerts.silence import silenced
with silenced(Alertmanager(sys.argv[1]), ["tailgate-shop-orders"], seconds=7, comment="-", on_left=print) as number:
    print(number, flush=True)
    time.sleep(60)
"""
    before = time.time()
    with subprocess.Popen([sys.executable, "-c", script, desk.url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        number = process.stdout.readline().strip()
        process.kill()
    assert desk.state(number) == "active"
    end = datetime.fromisoformat(desk.silence(number)["endsAt"]).timestamp()
    assert end <= time.time() + 7
    assert end >= before + 7 - 1
    Alertmanager(desk.url).lift(number)


@pytest.fixture
def heeded() -> Iterator[None]:
    """SIGINT raises, also where whoever runs the tests has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("in_which", ["POST", "DELETE"])
def test_an_interruption_meanwhile_waits_until_it_is_placed_or_lifted(in_which: str) -> None:
    done: list[str] = []
    pressed = threading.Event()

    def answer(request: Request) -> Response:
        if request.method == in_which:
            # Twice: who waits presses again.
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.05)
            pressed.set()
        done.append(request.method)
        return Response(b'{"silenceID": "1"}')

    def load(url: str) -> None:
        try:
            with silenced(Alertmanager(url), [ORDERS], seconds=60, comment="-", on_left=nobody):
                pass
        finally:
            # The second may come late; whoever runs the tests must not have it.
            pressed.wait(20)

    with Server(answer) as server, pytest.raises(KeyboardInterrupt):
        load(server.url)
    assert done == ["POST", "DELETE"]


def test_one_that_cannot_be_lifted_is_told_of_and_changes_nothing_else() -> None:
    told: list[str] = []
    answers = {"POST": Response(b'{"silenceID": "it/1"}'), "DELETE": Response(b'"disk full"', 500)}
    with (
        Server(lambda request: answers[request.method]) as server,
        silenced(Alertmanager(server.url), [ORDERS], seconds=60, comment="-", on_left=told.append),
    ):
        pass
    assert told == [f"the silence it/1 could not be lifted, it ends by itself: {server.url}: answers 500: disk full"]


def test_nobody_at_the_address_is_said_without_the_credentials_and_before_anything_is_done(
    unused_tcp_port: int,
) -> None:
    manager = Alertmanager(f"http://me:geheim@127.0.0.1:{unused_tcp_port}/")
    with (
        pytest.raises(AlertmanagerError) as caught,
        silenced(manager, [ORDERS], seconds=60, comment="-", on_left=nobody),
    ):
        pytest.fail("begun without a silence")
    assert f"http://127.0.0.1:{unused_tcp_port}: cannot be asked: [Errno 111] Connection refused" in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:9093", "ftp://127.0.0.1", "http://", "http://127.0.0.1:0", "http://h:99999", "http://h/?a=b", ""]
)
def test_what_is_no_address_is_refused_before_it_is_asked(url: str) -> None:
    with pytest.raises(AlertmanagerError, match="is no address of an Alertmanager"):
        Alertmanager(url)


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (200, {}, b"<html>log in</html>", "no Alertmanager"),
        (200, {}, b"[]", "no Alertmanager"),
        (200, {}, b"[" * 100_000, "no Alertmanager"),
        (200, {}, b"x" * 2_000_000, "more than 1 MiB"),
        (404, {}, b"page not found", "no Alertmanager"),
        (302, {"Location": "https://me:a@login.test/?b=c"}, b"", "it is at https://login.test/. Give that address"),
        (401, {}, b'{"message": "who are you?\\u0007"}', "answers 401: who are you?. Write credentials"),
        (400, {}, b'"start time must be before end time"', "answers 400: start time must be before end time"),
    ],
    ids=["a page", "other JSON", "deep", "huge", "not found", "sent on", "unauthorised", "refused"],
)
def test_whoever_else_answers_there_is_told_of(status: int, headers: dict[str, str], body: bytes, said: str) -> None:
    with Server(Response(body, status, headers)) as server, pytest.raises(AlertmanagerError, match=re.escape(said)):
        Alertmanager(server.url).silence([ORDERS], seconds=1, comment="-")


def test_an_answer_that_never_ends_is_given_up() -> None:
    with Server(Response()) as server:
        server.answer = server.drip
        with pytest.raises(AlertmanagerError, match="no whole answer within"):
            Alertmanager(server.url, timeout=0.3).silence([ORDERS], seconds=1, comment="-")
