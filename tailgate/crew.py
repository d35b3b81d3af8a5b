"""More than one process: whom a run leads, and how a worker helps somebody else's run."""

import ipaddress
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from tailgate_loadtest.data import locustfile as reference_locustfile
from tailgate_loadtest.run import certificates
from tailgate_loadtest.run.engine import EngineProcess
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.shapes.orders import Crew, Enlistment, Tls
from tailgate_otel.names import ENV_CREW_KEY, ENV_RUN_SECRET

from tailgate.console import say
from tailgate.errors import CommandError

_MOST = 256
"""Processes that are started here."""
_PATIENCE = 60.0
"""Seconds to wait for those."""


def crew_for(
    processes: int,
    *,
    master: bool,
    bind_host: str,
    port: int,
    unauthenticated: bool,
    expect: int | None,
    patience: float,
) -> Crew | None:
    """The workers that a run is to lead; None: it puts the load on by itself.

    Raises:
        CommandError: the options do not fit together, or would open the master to others without saying so.
    """
    if processes == -1:
        processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if processes > _MOST:
        raise CommandError(f"--processes {processes}: {_MOST} are the most that are started here")
    if not master:
        if expect is not None:
            raise CommandError("--expect-workers is for a master: give --master with it, or --processes alone")
        return _at_home(processes) if processes > 1 else None
    if not _is_loopback(bind_host) and not unauthenticated:
        raise CommandError(
            f"--master-bind-host {bind_host}: whoever reaches port {port} there can join as a worker, read the plan and"
            " the rows that are dealt, and send counts of its own; if that network is yours alone, say"
            f" --unauthenticated-workers, and set {ENV_CREW_KEY} on both sides"
        )
    here = processes if processes > 1 else 0
    if expect is None and not here:
        raise CommandError("--master: say by --expect-workers how many workers to wait for")
    return Crew(processes=here, expect=here + (expect or 0), host=bind_host, port=port, patience=patience)


def key_for(crew: Crew | None, environ: Mapping[str, str]) -> str | None:
    """What master and workers know each other by: made up where all of them are started here."""
    if crew is None:
        return None
    return environ.get(ENV_CREW_KEY) or (secrets.token_urlsafe(24) if crew.expect == crew.processes else None)


def work(
    host: str,
    port: int,
    *,
    locustfile: Path | None,
    targets: Path | None,
    tls: Tls,
    patience: float,
    interruption: Interruption,
) -> int:
    """Help the master at an address until its load is over. Returns the exit code.

    Raises:
        EngineError: no master answers, it does not take this worker, or it gave it up.
        PlanError: a certificate or a key is of no use.
    """
    certificates.check(tls)
    enlistment = Enlistment(
        host=host,
        port=port,
        locustfile=str((locustfile or reference_locustfile()).resolve()),
        key=os.environ.get(ENV_CREW_KEY),
        targets=str(targets.resolve()) if targets else None,
        run_secret=os.environ.get(ENV_RUN_SECRET),
        tls=tls.resolved(),
        patience=patience,
    )
    say(f"a worker of the master at {host}:{port}")
    with EngineProcess(enlistment) as engine:
        with interruption.stops(engine.stop):
            for _ in engine.ticks():
                pass
        engine.finish()
    return interruption.exit_code if interruption.name else 0


def _at_home(processes: int) -> Crew:
    return Crew(processes=processes, expect=processes, host="127.0.0.1", port=0, patience=_PATIENCE)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
