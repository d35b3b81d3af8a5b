"""What ends the load of a comparison before its time, without the load."""

import datetime as dt
import math
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from tailgate_loadtest.judge.regression.terms.leeway import Leeway
from tailgate_loadtest.judge.regression.together import looks_of
from tailgate_loadtest.run.brake import Ending
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.receiver import TraceReceiver
from tailgate_loadtest.shapes.sides import SIDES, Design, Side
from tailgate_otel import names
from tailgate_slo.model import Accept, Tolerance

from tailgate import comparing
from tailgate.looking import Looker
from tailgate.sides.opening import Sides
from tests.loadtest.conftest import objectives
from tests.loadtest.gates import ROUTE, intervals, logged
from tests.loadtest.test_accept import entry
from tests.server import Response, Server
from tests.tailgate import shop
from tests.tailgate.test_comparing import asked, live, write

DESIGN = Design(seconds=205, warmup=5, seed=3, block=5)
LOOKS = looks_of(DESIGN, 0.01)
"""After 125, 165 and 205 seconds."""
TODAY = dt.date(2026, 5, 28)
USUAL = Leeway(tolerance=Tolerance(), on=TODAY)
WIDE = replace(USUAL, tolerance=Tolerance(relative=Decimal("0.5")))


def looker(sides: Sides, out: Path, slower: float = 1.0, leeway: Leeway = USUAL) -> Looker:
    """One at a load under which the candidate takes so many times as long."""
    comparison = logged(Comparison.create(out, "test"), intervals(DESIGN, slower))
    return Looker(comparison, DESIGN, LOOKS, leeway, due=LOOKS.moments[:-1], sides=sides)


def kill(sides: Sides, killed: Iterable[Side]) -> None:
    """End services from outside, and wait until it is known."""
    for side in killed:
        (service,) = (
            each
            for each in psutil.Process().children(recursive=True)
            if each.name() == "perl" and each.environ()[names.ENV_SIDE] == side
        )
        service.kill()
        while sides[side].ended() is None:
            time.sleep(0.01)


@pytest.mark.parametrize("killed", [(), *((side,) for side in SIDES), SIDES], ids=" and ".join)
def test_of_services_that_died_each_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], killed: tuple[Side, ...]
) -> None:
    monkeypatch.chdir(shop.repository(tmp_path / "shop"))
    with shop.opened("main", "slower") as sides:
        look = looker(sides, tmp_path / "runs")
        kill(sides, killed)
        ending = look(7.0)
    assert (ending is not None and ending.aborted) is bool(killed)
    assert (ending.gave_out if ending else ()) == killed
    died = [
        f"{side}: its service died 7 s into the load: SIGKILL; its log is .tailgate/sides/{side}.log" for side in killed
    ]
    assert (ending.why if ending else "") == "; ".join(died)
    told = capsys.readouterr().err
    assert [side for side in SIDES if f"   7 s  the service of the {side} has ended: SIGKILL" in told] == list(killed)


@pytest.fixture
def lasting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sides]:
    """Two sides of which neither dies."""
    monkeypatch.chdir(tmp_path)
    with Server(Response()) as server, shop.opened(server.url, server.url) as sides:
        yield sides


@pytest.mark.parametrize(("slower", "leeway"), [(1.5, USUAL), (1.0, WIDE)], ids=["worse", "not worse"])
def test_the_load_ends_at_the_first_look_that_decides(
    lasting: Sides, tmp_path: Path, slower: float, leeway: Leeway
) -> None:
    look = looker(lasting, tmp_path / "runs", slower, leeway)
    # What is due in its last second may not be written yet.
    assert look(129.0) is None
    assert look.until == math.inf
    assert look(130.0) == Ending(why="the load was ended by what its first 125 s had shown", aborted=False)
    assert look.until == 125.0


def test_the_load_goes_on_while_it_is_undecided_and_each_look_tells_how_much_is(
    lasting: Sides, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    look = looker(lasting, tmp_path / "runs", slower=1.03)
    assert {look(float(second)) for second in range(DESIGN.seconds + 9)} == {None}
    assert look.until == math.inf
    open_still = re.compile(r"^ (\d+) s  by the first (\d+) s: \d of \d measures not decided$", re.MULTILINE)
    assert open_still.findall(capsys.readouterr().err) == [("130", "125"), ("170", "165")]


@pytest.mark.parametrize(
    ("accepts", "at"),
    [
        ([], 125.0),
        ([entry(route=ROUTE, bound=Decimal("0.37"))], 165.0),
        ([entry(route=ROUTE, bound=Decimal("0.37"), until=TODAY - dt.timedelta(days=1))], 125.0),
        ([entry(route=ROUTE, bound=Decimal(1))], 125.0),
    ],
    ids=["nothing", "hardly more than it is", "hardly more, until yesterday", "far more"],
)
def test_what_is_taken_on_ends_the_load_when_its_interval_is_within_the_bound(
    lasting: Sides, tmp_path: Path, accepts: Sequence[Accept], at: float
) -> None:
    look = looker(lasting, tmp_path / "runs", slower=1.2, leeway=replace(USUAL, accepts=accepts))
    ended = next(second for second in range(DESIGN.seconds) if look(float(second)))
    assert (look.until, ended) == (at, at + 5)


TOLERANT = "tolerance: {relative: 0.5}"
TAKEN_ON = "accept: [{route: GET /shop, measure: latency, bound: 0.37, until: 2999-12-31, why: signed uploads}]"
STRICT = "minimumSamples: 100"


@pytest.mark.parametrize(
    ("base", "candidate", "slower", "ends"),
    [
        (TOLERANT, STRICT, 1.03, True),
        (STRICT, TOLERANT, 1.03, False),
        (STRICT, TAKEN_ON, 1.2, False),
        (TAKEN_ON, STRICT, 1.2, True),
    ],
    ids=["tolerated by the base", "by the candidate alone", "taken on by the candidate", "by the base alone"],
)
def test_a_comparison_ends_its_load_by_what_the_base_tolerates_and_the_candidate_takes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str, candidate: str, slower: float, ends: bool
) -> None:
    """Each side by its own file; the load is not put on, its logs are there already."""
    sides = Sides({}, {})
    for side, gate in zip(SIDES, (base, candidate), strict=True):
        directory = tmp_path / side
        directory.mkdir()
        limits = objectives(("shop", "measure: latency, route: GET /shop, threshold: 1s", "0.95"), gate=gate)
        write(directory, {"slo.yaml": limits.text, "locustfile.py": ""})
        sides._live[side] = live(directory)
    monkeypatch.chdir(tmp_path / Side.CANDIDATE)
    request = asked(turn=5)
    comparison = logged(Comparison.create(tmp_path / "runs", "test"), intervals(request.design, slower))
    endings: list[Ending | None] = []

    def conduct(*_: object, look: Looker, **__: object) -> None:
        endings.append(look(request.early[0].at + 5))

    monkeypatch.setattr(comparing, "conduct_pair", conduct)
    with Interruption() as interruption, ExitStack() as receiving:
        receivers = {side: receiving.enter_context(TraceReceiver()) for side in SIDES}
        comparing._load(request, request.design, sides, receivers, comparison, interruption)
    assert [ending is not None for ending in endings] == [ends]
