"""Two sides loaded at once from beginning to end: a bundle of each, within one directory."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tailgate_loadtest.run.brake import Brake, Ending
from tailgate_loadtest.run.conduct import check_reachable
from tailgate_loadtest.run.document import Tick
from tailgate_loadtest.run.engine import EngineProcess
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.recording import Recording
from tailgate_loadtest.shapes.orders import Rival
from tailgate_loadtest.shapes.sides import SIDES, Design, Side

Look = Callable[[float], Ending | None]
"""Asked each second, with the seconds since the load began: why it must end here, if it must."""


def conduct_pair(
    recordings: Mapping[Side, Recording],
    design: Design,
    interruption: Interruption,
    *,
    on_tick: Callable[[Side, Tick], None],
    look: Look,
    after_load: Callable[[], None],
) -> Ending | None:
    """Put one load on two sides, each arrival on one of them, and write both bundles, whatever ends it.

    Args:
        recordings: of each side; their plans differ in what is loaded, not in how.
        design: who gets which arrivals.
        interruption: what SIGINT and SIGTERM go through.
        on_tick: called once a second for each side with how its load stands.
        look: what may end the load before its time.
        after_load: called when the load is over and the services' counters are read, unless it was interrupted: who
            does that may not wait for more than the bundles.

    Returns why the load was ended before its time, if it was.

    Raises:
        TargetUnreachableError: nothing answers at a host.
        EngineError: the locustfile cannot be run.
        BundleError: a bundle cannot be written.

    """
    for side, recording in recordings.items():
        check_reachable(recording.plan.host, f"see whether the {side} still runs")
        recording.server.take("start")
        recording.begin()
    base, candidate = (recordings[side] for side in SIDES)
    own, theirs = base.plan.orders(base.bundle), candidate.plan.orders(candidate.bundle)
    rival = Rival(
        host=theirs.host,
        log=theirs.log,
        result=theirs.result,
        targets=theirs.targets,
        run_secret=theirs.run_secret,
        design=design,
    )
    with EngineProcess(own.facing(rival)) as engine:
        with interruption.stops(engine.stop):
            ending = _listen(recordings, engine, on_tick, look, interruption)
        engine.finish()
        death = "" if all(each.bundle.account.exists() for each in recordings.values()) else engine.fate()
    for recording in recordings.values():
        if death:
            recording.mend(death, interruption)
        recording.server.take("end")
    if interruption.name is None:
        after_load()
    for recording in recordings.values():
        recording.write(interruption, ending, death)
    return ending


def _listen(
    recordings: Mapping[Side, Recording],
    engine: EngineProcess,
    on_tick: Callable[[Side, Tick], None],
    look: Look,
    interruption: Interruption,
) -> Ending | None:
    brakes = {side: Brake.of(recording.plan) for side, recording in recordings.items()}
    ending: Ending | None = None
    for message in engine.ticks():
        side = Side(message["side"])
        tick = recordings[side].hear(message)
        on_tick(side, tick)
        if ending is not None or interruption.name is not None:
            continue
        brake = brakes[side]
        if brake and (found := brake.look(tick)):
            ending = replace(found, why=f"{side}: {found.why}", gave_out=(side,))
        elif side is SIDES[-1]:
            ending = look(tick.second)
        if ending is not None:
            engine.stop()
    return ending
