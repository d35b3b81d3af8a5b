"""What ends the load of a comparison before its time, without the load."""

import time
from collections.abc import Iterable
from pathlib import Path

import psutil
import pytest
from tailgate_loadtest.judge.regression.together import looks_of
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.shapes.sides import SIDES, Design, Side
from tailgate_otel import names
from tailgate_slo.model import Tolerance

from tailgate.looking import Looker
from tailgate.sides.opening import Sides
from tests.tailgate import shop

DESIGN = Design(seconds=40, warmup=0, seed=1, block=1)


def looker(sides: Sides, out: Path) -> Looker:
    """One that has only to see whether both are still there."""
    return Looker(Comparison.create(out, "test"), DESIGN, looks_of(DESIGN, 0.01), Tolerance(), due=(), sides=sides)


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
