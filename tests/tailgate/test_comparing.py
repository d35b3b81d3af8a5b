"""What two states of a project are compared by, before anything of them runs."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tailgate_slo
from tailgate_loadtest.measure.probe import Account, Probe
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.probe import read
from tailgate_loadtest.shapes.orders import Orders
from tailgate_loadtest.shapes.sides import SIDES, Side

from tailgate import comparing
from tailgate.asking import request_of
from tailgate.comparing import Request
from tailgate.sides.live import Live
from tailgate.sides.opening import Sides
from tests.server import Response, Server
from tests.tailgate.test_ab import waiting

SHORT, LONG = waiting("100ms"), waiting("500ms")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, in which we are."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    (directory / "locustfile.py").touch()
    return directory


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """Where what was before it is checked out."""
    directory = tmp_path / "before"
    directory.mkdir()
    return directory


def asked(**options: Any) -> Request:
    """What ``tailgate ab -f locustfile.py`` is asked for in the working directory."""
    defaults = {
        **dict.fromkeys(("base", "candidate", "classes", "profile", "slo", "targets", "openapi", "tolerate", "out")),
        "budget": "5m",
        "turn": 2,
        "error_rate": 0.01,
        "locustfile": "locustfile.py",
        "seed": 1,
        "db_rtt": "0ms",
    }
    return request_of(**{**defaults, **options})


def live(directory: Path | None) -> Live:
    return Live(what="it", url="http://127.0.0.1:1", directory=directory, ended=lambda: None, close=lambda: None)


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).write_text(text)


def limits(text: str) -> str:
    """What objectives of that text are known by."""
    return tailgate_slo.parse(text.encode(), "slo.yaml").digest


CHANGES: dict[str, tuple[dict[str, str], dict[str, str], str | None]] = {
    "changed": ({"slo.yaml": LONG}, {"slo.yaml": SHORT}, None),
    "deleted": ({}, {"slo.yaml": SHORT}, None),
    "renamed": ({"limits.yaml": LONG, "tailgate.yaml": "slo: limits.yaml"}, {"slo.yaml": SHORT}, None),
    "renamed in what CI asks for": ({"limits.yaml": LONG}, {"slo.yaml": SHORT}, "limits.yaml"),
    "renamed to the usual name": (
        {"slo.yaml": LONG},
        {"limits.yaml": SHORT, "tailgate.yaml": "slo: limits.yaml"},
        None,
    ),
    "put in place of others": (
        {"slo.yaml": LONG},
        {"limits.yaml": SHORT, "tailgate.yaml": "slo: limits.yaml", "slo.yaml": LONG},
        None,
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_base_keeps_its_objectives_whatever_becomes_of_their_file(here: Path, before: Path, name: str) -> None:
    ours, theirs, slo = CHANGES[name]
    write(here, ours)
    write(before, theirs)
    request = asked(slo=slo)
    found = {side: request.objectives_of(live(each)) for side, each in zip(SIDES, (before, here), strict=True)}
    base, candidate = found[Side.BASE], found[Side.CANDIDATE]
    assert base is not None
    assert base.digest == limits(SHORT)
    assert (candidate and candidate.digest) == (limits(LONG) if ours else None)


def test_the_base_keeps_its_objectives_though_the_change_names_others_that_all_can_read(
    here: Path, before: Path, tmp_path: Path
) -> None:
    write(tmp_path, {"limits.yaml": LONG})
    write(here, {"tailgate.yaml": f"slo: {tmp_path / 'limits.yaml'}"})
    write(before, {"slo.yaml": SHORT})
    base = asked().objectives_of(live(before))
    assert base is not None
    assert base.digest == limits(SHORT)
    # The command line is nobody's: what it names so is for both.
    both = asked(slo=str(tmp_path / "limits.yaml")).objectives_of(live(before))
    assert both is not None
    assert both.digest == limits(LONG)


def test_objectives_that_are_new_are_not_the_bases(here: Path, before: Path) -> None:
    write(here, {"slo.yaml": SHORT})
    assert asked().objectives_of(live(before)) is None


def test_a_side_of_which_no_files_are_known_is_judged_by_the_working_directorys(here: Path) -> None:
    write(here, {"slo.yaml": SHORT})
    request = asked()
    assert request.objectives_of(live(None)) is request.objectives is not None


def probe(base: Live, candidate: Live, directory: Path) -> Comparison:
    """Has both sides, which run elsewhere, asked one request after the other."""
    sides = Sides(dict.fromkeys(SIDES, SimpleNamespace(renewable=False)), {})  # type: ignore[arg-type]
    sides._live = {Side.BASE: base, Side.CANDIDATE: candidate}
    request, comparison = asked(), Comparison.create(directory, "test")
    with Interruption() as interruption:
        comparing._probe(request, request.design, sides, comparison, interruption)
    return comparison


def test_both_sides_are_asked_by_the_same_names_whatever_their_objectives_name(
    here: Path, before: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each request would have two names, and none would be compared with another."""
    write(before, {"slo.yaml": SHORT.replace("GET /catalogue", "'GET /catalogue/{page}'")})
    names: list[tuple[str, ...]] = []

    def named(orders: Orders, *_: object) -> Probe:
        names.append(orders.routes)
        return Probe(answers=(), broken=(), account=Account(iterations=1, cut_short=None))

    monkeypatch.setattr(comparing, "probe", named)
    probe(live(before), live(here), here / "runs")
    assert names == [("GET /catalogue/{page}",)] * 2


FOLLOWING = """
from locust import task
from tailgate_loadtest.engine.http import LoadUser


class Reader(LoadUser):
    @task
    def read(self):
        if self.client.get("/first").json()["more"]:
            self.client.get("/second")
"""


def test_the_candidate_has_as_many_iterations_as_the_base_however_many_requests_they_come_to(here: Path) -> None:
    """Else what one side is asked the second time would find it with more done than the other."""
    write(here, {"locustfile.py": FOLLOWING})
    with Server(Response(b'{"more": true}')) as more, Server(Response(b'{"more": false}')) as fewer:
        sides = [replace(live(None), url=server.url) for server in (more, fewer)]
        comparison = probe(*sides, here / "runs")
    assert [read(comparison.probe(side)).account.iterations for side in SIDES] == [100, 100]
