"""The serial probe of a service that takes its time, by the real engine: less is asked, and of both sides the same."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tailgate_loadtest.judge.regression.exact.probed import compare
from tailgate_loadtest.measure.probe import PHASES, Account, Phase, Probe
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.probe import probe
from tailgate_loadtest.shapes.orders import Orders, Probing

from tests.loadtest.conftest import steady
from tests.server import Request, Response, Server

LOCUSTFILE = """
from locust import task
from tailgate_loadtest.engine.http import LoadUser


class Ada(LoadUser):
    weight = 3

    @task
    def look(self):
        for page in range(4):
            self.client.get(f"/{page}", name="/page")


class Bob(LoadUser):
    @task
    def save(self):
        self.client.post("/save")
"""
Ask = Callable[..., Probe]


@contextmanager
def slow(seconds: float) -> Iterator[Server]:
    """Answers every request after so long."""

    def answer(_: Request) -> Response:
        server.over.wait(seconds)
        return Response(b"{}")

    with Server(answer) as server:
        yield server


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Probes a server by a locustfile's text."""

    def ask(server: Server, text: str = LOCUSTFILE, **asked: Any) -> Probe:
        locustfile = tmp_path / "locustfile.py"
        locustfile.write_text(text, encoding="utf-8")
        orders = Orders(locustfile=str(locustfile), host=server.url, load=steady(), seed=3, drain=1, log="", result="")
        with Interruption() as interruption:
            return probe(orders, tmp_path / "probe.jsonl", interruption, Probing(**asked))

    return ask


def places(found: Probe, phase: Phase) -> list[tuple[int, str, str]]:
    return [(each.iteration, each.persona, each.route) for each in found.answers if each.phase == phase]


def test_when_time_is_over_fewer_requests_do_if_both_phases_and_both_sides_have_the_same(ask: Ask) -> None:
    with slow(0.05) as base, slow(0.05) as candidate:
        one = ask(base, requests=100_000, seconds=2)
        other = ask(candidate, requests=100_000, iterations=one.account.iterations)
    assert one.account.cut_short is None
    assert re.fullmatch(r"\d+ of 100000 had been sent after 2 s", one.account.curtailed or "")
    assert other.account == Account(iterations=one.account.iterations, cut_short=None)
    for found in (one, other):
        assert places(found, "cold") == places(found, "warm") == places(one, "cold")
    assert {iteration for iteration, *_ in places(one, "cold")} == set(range(one.account.iterations))
    assert {persona for _, persona, _ in places(one, "cold")} == {"Ada", "Bob"}
    compared = compare(one, other)
    assert (compared.findings, compared.reasons) == ((), ())
    assert compared.remarks[0] == (
        f"fewer requests than usual were asked one by one, of each persona some: {one.account.curtailed}"
    )


def test_where_not_each_persona_has_its_turn_in_time_there_is_no_answer_and_what_helps_is_said(ask: Ask) -> None:
    with slow(0.02) as server:
        found = ask(server, LOCUSTFILE.replace("weight = 3", "weight = 1000"), requests=100_000, seconds=0.2)
    why = "Bob had no turn after 0.6 s; name only the user classes that take less time"
    assert (found.account.cut_short, found.account.curtailed) == (why, None)
    assert compare(found, found).reasons == tuple(
        f"the serial probe of the {side} was cut short: {why}" for side in ("base", "candidate")
    )


def test_an_iteration_may_take_its_time_as_long_as_answers_come(ask: Ask) -> None:
    with slow(0.8) as server:
        found = ask(server, requests=4, patience=3)
    assert found.broken == ()
    for phase in PHASES:
        assert [route for _, persona, route in places(found, phase) if persona == "Ada"] == ["GET /page"] * 4


def test_who_asks_without_end_is_given_up(ask: Ask) -> None:
    text = LOCUSTFILE.replace("for page in range(4)", "while page := 1")
    with slow(0.0) as server:
        found = ask(server, text, requests=20, patience=1)
    assert {(each.phase, each.persona, each.broken_off) for each in found.broken} == {
        (phase, "Ada", "it came to no end") for phase in PHASES
    }
