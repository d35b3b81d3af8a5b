"""One real gate: the reference API twice, one of them with a fault or none, loaded together as ``tailgate ab`` does."""

import base64
import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import tailgate_service.stack
from tailgate_loadtest.data import locustfile
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.measure.kinds import Kind, tag
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.live import Live
from tailgate_loadtest.run.pair import conduct_pair
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.run.recording import Recording
from tailgate_loadtest.run.server import ServerCounters
from tailgate_loadtest.shapes.profile import Profile, Stage
from tailgate_loadtest.shapes.sides import SIDES, Design, Side
from tailgate_loadtest.shapes.tolerance import Tolerance
from tailgate_service.process import Child
from tailgate_service.stack import Stack, StackConfig, start

from benchmarks.gate.slowed import Fault
from benchmarks.revision import ROOT

MIX = {"Caller": 3.0, "Agent": 3.0, "Provider": 2.0, "Keeper": 1.0}
WHATEVER = Tolerance(late=1.0, stalled=1.0, waited=1.0, throttled=1.0, steal=1.0, shared=1.0)
"""How quiet the machine was is kept with each gate; which ones count is for the reader."""
_NOT_JUDGED = tuple(f"Tag={tag('', kind)}".encode() for kind in (Kind.SERVICE, Kind.SETUP))
"""Half of a log."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all gates of a benchmark have in common."""

    seconds: int
    """Of load, the warm-up included."""
    warmup: int
    block: int
    rate: float
    """Arrivals per second."""
    db_rtt: float
    """Seconds of an emulated round trip to the database."""
    variant: str = "parallel"


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A gate as it was recorded."""

    design: Design
    base: LatencyLog
    candidate: LatencyLog
    generator: Mapping[str, Any]
    """How the generator did."""


def carry_out(setting: Setting, seed: int, fault: Fault | None) -> dict[str, Any]:
    """Run a gate; what is returned goes into JSON."""
    design = Design(seconds=setting.seconds, warmup=setting.warmup, seed=seed, block=setting.block)
    stage = Stage(duration=setting.seconds - setting.warmup, start=setting.rate, end=setting.rate)
    profile = Profile(name="gate", stages=(stage,), warmup=setting.warmup, mix=MIX, users=300)
    with tempfile.TemporaryDirectory() as place, ExitStack() as running:
        comparison, recordings = Comparison.create(Path(place), "gate"), {}
        # Whichever starts first has the younger of two everything: that, too, is left to a coin.
        for side in SIDES if seed % 2 else SIDES[::-1]:
            stack = running.enter_context(_served(setting, fault if side is Side.CANDIDATE else None))
            plan = Plan(
                host=stack.url,
                locustfile=locustfile(),
                load=profile,
                out=Path(place),
                seed=seed,
                targets=stack.targets,
                tolerance=WHATEVER,
            )
            recordings[side] = Recording(
                plan=plan,
                bundle=comparison.bundle(side),
                id=side.value,
                live=Live(),
                server=ServerCounters(None),
            )
        with Interruption() as interruption:
            conduct_pair(
                recordings,
                design,
                interruption,
                on_tick=lambda side, tick: None,
                look=lambda second: None,
                after_load=lambda: None,
            )
        if interruption.name:
            raise KeyboardInterrupt
        runs = {side: comparison.bundle(side).read_run() for side in SIDES}
        return {
            "design": asdict(design),
            **{side.value: _packed(comparison.bundle(side).log) for side in SIDES},
            "generator": runs[Side.BASE].generator.model_dump(mode="json"),
        }


def recorded(kept: Mapping[str, Any]) -> Gate:
    """A gate of what ``carry_out`` returned."""
    logs = {side: _unpacked(kept[side.value]) for side in SIDES}
    return Gate(
        design=Design(**kept["design"]),
        base=logs[Side.BASE],
        candidate=logs[Side.CANDIDATE],
        generator=kept["generator"],
    )


@contextmanager
def _served(setting: Setting, fault: Fault | None) -> Iterator[Stack]:
    def child(module: str, arguments: Any, *, environ: Mapping[str, str], **more: Any) -> Child:
        if fault is not None and module == tailgate_service.stack.SERVICE:
            module, environ = "benchmarks.gate.slowed", {**environ, **fault.told(), "PYTHONPATH": str(ROOT)}
        return Child(module, arguments, environ=environ, **more)

    with (
        patch.object(tailgate_service.stack, "Child", child),
        start(StackConfig(variant=setting.variant, db_rtt=setting.db_rtt)) as stack,
    ):
        yield stack


def _packed(log: Path) -> str:
    judged = [line for line in log.read_bytes().splitlines(keepends=True) if not line.startswith(_NOT_JUDGED)]
    return base64.b64encode(zlib.compress(b"".join(judged), 9)).decode("ascii")


def _unpacked(text: str) -> LatencyLog:
    handle, name = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(zlib.decompress(base64.b64decode(text)))
        return LatencyLog.load(Path(name))
    finally:
        Path(name).unlink()
