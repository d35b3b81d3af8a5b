"""Two live sides whose comparison somebody cancels: before the load it ends at once, under it with all on disk."""

import signal
from pathlib import Path

import pytest
from tailgate_loadtest.shapes.sides import SIDES

from tests.tailgate.conftest import Command
from tests.tailgate.test_ab import LENGTH, MORTAL, command

pytestmark = pytest.mark.xdist_group("two sides")


def shop(directory: Path, service: str) -> Command:
    """A directory with a shop in it, and how one is brought up and ended there."""
    made = command(directory)
    (directory / "shop.pl").write_text(MORTAL.replace("LIFE", "1e9"))
    with (directory / "tailgate.yaml").open("a") as settings:
        settings.write(f"service: {{{service}}}\n")
    return made


def cancelled(tailgate: Command, *arguments: str, number: signal.Signals, told: str, times: int = 1) -> tuple[int, str]:
    """The exit code of a command that got a signal once it had begun so many lines so, and what it said since."""
    process = tailgate.start(*arguments)
    if process.stderr is None:
        raise ValueError("its errors are not ours")
    left = times
    for line in process.stderr:
        left -= line.startswith(told)
        if not left:
            process.send_signal(number)
            break
    _, said = process.communicate(timeout=90)
    return process.returncode, said


@pytest.mark.parametrize(
    ("verb", "number", "code", "why"),
    [
        ("ab", signal.SIGTERM, 143, "interrupted before the load began; nothing was measured"),
        ("calibrate", signal.SIGINT, 130, "interrupted before a gate was over; nothing was measured"),
    ],
)
def test_between_the_probe_and_the_load_it_ends_at_once_and_leaves_nothing(
    tmp_path: Path, verb: str, number: signal.Signals, code: int, why: str
) -> None:
    tailgate = shop(tmp_path, "timeout: 30s")
    # Begun again, it takes no requests any more.
    side = 'cmd:[ -e "$TAILGATE_SIDE" ] && exec sleep 600; touch "$TAILGATE_SIDE"; exec perl shop.pl "$TAILGATE_PORT"'
    sides = ("--base", side, "--candidate", side) if verb == "ab" else ("--side", side, "--gates", "1")
    found, said = cancelled(tailgate, verb, *sides, *LENGTH, number=number, told="starting the base", times=2)
    assert (found, why in said) == (code, True), said
    assert not list(tmp_path.rglob("*-ab"))


def test_under_the_load_all_is_on_disk_before_any_service_is_ended(tmp_path: Path) -> None:
    """That may take its time, and who cancels kills whatever has not ended by itself soon after."""
    tailgate = shop(tmp_path, "stop: \"find runs -name '*.json' > found-by-$TAILGATE_SIDE\"")
    sides = [word for side in SIDES for word in (f"--{side}", 'cmd:exec perl shop.pl "$TAILGATE_PORT"')]
    code, said = cancelled(tailgate, "ab", *sides, *LENGTH, number=signal.SIGTERM, told="  10 s")
    assert code == 143, said
    for side in SIDES:
        found = {path.partition("-ab/")[2] for path in (tmp_path / f"found-by-{side}").read_text().split()}
        assert {"base/run.json", "candidate/run.json", "comparison.json"} <= found
