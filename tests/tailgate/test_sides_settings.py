"""``service:`` of tailgate.yaml: read whole, or refused with the place; and this repository's own holds."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from tailgate_loadtest.run.receiver import TraceReceiver
from tailgate_loadtest.shapes.sides import Side
from tailgate_loadtest.targets import load as targets_of

from tailgate import settings
from tailgate.errors import CommandError
from tailgate.settings import Service
from tailgate.sides.program import Program
from tests.tailgate import shop

ROOT = Path(__file__).parents[2]
WRITTEN = """
service:
  build: make
  start: |
    echo $HOME
    exec ./shop
  env: {A: $TAILGATE_PORT}
  timeout: 1m30s
"""


def read(directory: Path, text: str) -> Service:
    (directory / "tailgate.yaml").write_text(text, encoding="utf-8")
    return settings.load(directory / "tailgate.yaml").service


def test_a_service_is_read_as_it_is_written(tmp_path: Path) -> None:
    assert read(tmp_path, WRITTEN) == Service(
        build="make", start="echo $HOME\nexec ./shop\n", env={"A": "$TAILGATE_PORT"}, timeout=90.0
    )
    assert read(tmp_path, "service: {start: ./shop, timeout: 5}").timeout == 5.0
    assert read(tmp_path, "service: {traces: 0.0.0.0:4318}").traces == ("0.0.0.0", 4318)


@pytest.mark.parametrize("text", ["", "profile: smoke", "service:", "service: {}"])
def test_a_project_without_one_has_none(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == Service()
    assert not Service().starts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("service: ./shop", "service: must be a mapping of keys to values"),
        ("service: {strat: ./shop}", "service: unknown key 'strat'; did you mean start?"),
        ("service: {start: [./shop]}", r"service: start: \['./shop'\] must be text"),
        ("service: {start: ''}", "service: start: is empty"),
        ('service: {start: "a\\0b"}', r"service: start: 'a\\x00b' must be text"),
        ("service: {start: a, compose: b}", "service: start and compose: give one or the other"),
        ("service: {env: [A]}", "service: env: must be a mapping of names to texts"),
        ("service: {env: {A-B: c}}", "service: env: 'A-B' is no name of a variable"),
        ("service: {env: {1: c}}", "service: env: 1 is no name of a variable"),
        ("service: {env: {A: 1}}", "service: env: A: 1 must be text"),
        ("service: {timeout: soon}", "service: timeout: 'soon' is no duration"),
        ("service: {timeout: true}", "service: timeout: 'True' is no duration"),
        ("service: {traces: 4318}", "service: traces: 4318 is nowhere to listen; give an address of this machine"),
        ("service: {traces: 0.0.0.0}", "service: traces: '0.0.0.0' is nowhere to listen"),
        ("service: {traces: 0.0.0.0:0}", "service: traces: '0.0.0.0:0' is nowhere to listen"),
        ("service: {traces: 0.0.0.0:65536}", "service: traces: '0.0.0.0:65536' is nowhere to listen"),
        ("service: {traces: 'http://0.0.0.0:4318'}", "service: traces: 'http://0.0.0.0:4318' is nowhere to listen"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CommandError, match=f"tailgate.yaml: {message}"):
        read(tmp_path, text)


def test_this_repository_is_brought_up_by_its_own(tmp_path: Path) -> None:
    """Here, without a checkout, where the same commands hold."""
    with TraceReceiver() as receiver, ExitStack() as held:
        program = Program(
            what="this",
            side=Side.BASE,
            option="--base",
            service=settings.load(ROOT / "tailgate.yaml").service,
            directory=ROOT,
            log=tmp_path / "log",
            traced=receiver.environment,
        )
        program.prepare(held)
        live = program.start()
        held.callback(live.close)
        assert shop.asked(live.url, "/health")
        assert targets_of(live.targets).workspaces
