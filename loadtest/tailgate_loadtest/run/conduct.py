"""One run from beginning to end: preflight, engine, counters, bundle. Judging it is for whoever asked for it."""

import signal
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from tailgate_loadtest.errors import TargetUnreachableError
from tailgate_loadtest.run import environment
from tailgate_loadtest.run.brake import Brake, Climb, Ending
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import Tick
from tailgate_loadtest.run.engine import EngineProcess
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.live import Live
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.run.recording import Recording
from tailgate_loadtest.run.server import ServerCounters
from tailgate_loadtest.run.traces import TraceStore
from tailgate_loadtest.run.visitors import Opening, Visitors
from tailgate_loadtest.shapes.profile import Profile

_CONNECT = 3.0


def conduct(
    plan: Plan,
    interruption: Interruption,
    *,
    on_tick: Callable[[Tick], None],
    after_load: Callable[[], None] = lambda: None,
    traces: TraceStore | None = None,
    live: Live | None = None,
    on_settled: Callable[[], list[str]] = list,
    counters: ServerCounters | None = None,
    browsers: Opening | None = None,
) -> Bundle:
    """Put the plan's load on, and write the bundle: complete, whatever ends it.

    Args:
        plan: what to do.
        interruption: what SIGINT and SIGTERM go through.
        on_tick: called once a second with how the load stands.
        after_load: called when the load is over and the service's counters are read; it may stop the service, which
            hands over its last traces then.
        traces: what the service's traces were received into.
        live: where the load is counted as it goes, for who wants to look; when it is over, all that was measured.
        on_settled: called when ``live`` has all that was measured; what it returns are warnings of the run.
        counters: what reads the service's counters; by default, from the plan's metrics page.
        browsers: what makes those that visit pages beside the load.

    Raises:
        TargetUnreachableError: nothing answers at the host.
        EngineError: the locustfile cannot be run.
        BrowserError: no browser can be started.
        BundleError: no bundle can be written.

    """
    check_reachable(plan.host)
    server = counters or ServerCounters(plan.metrics_url)
    server.take("start")
    bundle = Bundle.create(plan.out, environment.revision())
    recording = Recording(
        plan=plan,
        bundle=bundle,
        id=bundle.path.name,
        live=live or Live(plan.objectives),
        server=server,
        traces=traces,
        on_settled=on_settled,
    )
    try:
        recording.begin()
        visitors = Visitors(browsers, bundle.path, plan.length)
        with visitors, EngineProcess(plan.orders(bundle)) as engine:

            def stop() -> None:
                engine.stop()
                visitors.cut(interruption.number)

            with interruption.stops(stop):
                ending = _listen(recording, engine, visitors, on_tick, interruption)
                visitors.wait()
            engine.finish()
            death = "" if bundle.account.exists() else engine.fate()
        if death:
            recording.mend(death, interruption)
    except BaseException:
        bundle.discard()  # no load, or none that could be told of
        raise
    server.take("end")
    after_load()
    recording.write(interruption, ending, death, visitors.account())
    bundle.point_latest()
    return bundle


def check_reachable(host: str, cure: str = "start the service, or correct --host") -> None:
    """Raise TargetUnreachableError, with its cure, unless something listens at a base address."""
    parts = urlsplit(host)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT).close()
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be one
        reason = getattr(error, "strerror", None) or error
        raise TargetUnreachableError(f"nothing answers at {host} ({reason}); {cure}") from error


def _listen(
    recording: Recording,
    engine: EngineProcess,
    visitors: Visitors,
    on_tick: Callable[[Tick], None],
    interruption: Interruption,
) -> Ending | None:
    """Follow the load to its end, and end it where that is asked for. Returns why it was, if so."""
    load = recording.plan.load
    brake, climb = Brake.of(recording.plan), Climb(load) if isinstance(load, Profile) and load.steps else None
    ending: Ending | None = None
    for message in engine.ticks():
        tick = recording.hear(message)
        visitors.hear(tick)
        on_tick(tick)
        if ending is None and interruption.name is None:
            ending = (brake.look(tick) if brake else None) or (climb.look(recording.live) if climb else None)
            if ending is not None:
                engine.stop()
                if ending.aborted:  # what still visits would wait for a service that fails
                    visitors.cut(signal.SIGTERM)
    return ending
