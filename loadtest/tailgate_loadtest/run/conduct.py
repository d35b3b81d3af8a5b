"""One run from beginning to end: preflight, engine, counters, bundle. Judging it is for whoever asked for it."""

import datetime as dt
import socket
from collections.abc import Callable
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from tailgate_loadtest.errors import EngineError, TargetUnreachableError
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import LatencyLog, mend
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run import environment
from tailgate_loadtest.run.brake import Brake, Climb, Ending
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import Arrivals, Generator, Percentiles, RouteRecord, RunDocument, Tick
from tailgate_loadtest.run.engine import EngineProcess
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.live import Beat, Live
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.run.server import ServerCounters
from tailgate_loadtest.run.traces import TraceStore
from tailgate_loadtest.shapes.orders import Orders
from tailgate_loadtest.shapes.profile import Profile

_CONNECT = 3.0
_MAX_WARNINGS = 50


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

    Raises:
        TargetUnreachableError: nothing answers at the host.
        EngineError: the locustfile cannot be run.
        BundleError: no bundle can be written.

    """
    check_reachable(plan.host)
    server = counters or ServerCounters(plan.metrics_url)
    server.take("start")
    bundle = Bundle.create(plan.out, environment.revision())
    live = live or Live(plan.objectives)
    live.begin(bundle.path.name)
    ticks: list[Tick] = []
    try:
        if plan.objectives:
            # Judged again, a bundle must come to the same verdict, whatever became of the file.
            bundle.write_text(bundle.objectives.name, plan.objectives.text)
        with EngineProcess(_orders(plan, bundle)) as engine:
            with interruption.stops(engine.stop):
                ending = _listen(plan, engine, server, live, ticks, on_tick, interruption)
            code = engine.finish()
            fate = "hung and was killed" if engine.hung else f"died (exit code {code})"
            death = "" if bundle.account.exists() else f"the engine {fate}: {engine.last_words()}"
    except BaseException:
        bundle.discard()  # no load, or none that could be told of
        raise
    if death:
        _mend(bundle, death, interruption)
    server.take("end")
    after_load()
    result = bundle.take_account()
    bundle.write_text(bundle.traces.name, traces.text() if traces is not None else "")
    bundle.write_json("server.json", server.document())
    document = _document(plan, bundle, result, ticks, server, interruption, ending, death)
    live.settle(bundle.read_log(), document.arrivals)
    if warnings := on_settled():
        document = document.model_copy(update={"warnings": (*document.warnings, *warnings)})
    bundle.write_run(document)
    bundle.point_latest()
    return bundle


def check_reachable(host: str) -> None:
    """Raise TargetUnreachableError unless something listens at a base address."""
    parts = urlsplit(host)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT).close()
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be one
        reason = getattr(error, "strerror", None) or error
        raise TargetUnreachableError(
            f"nothing answers at {host} ({reason}); start the service, or correct --host"
        ) from error


def _orders(plan: Plan, bundle: Bundle) -> Orders:
    return Orders(
        locustfile=str(plan.locustfile.resolve()),
        host=plan.host.rstrip("/"),
        load=plan.load,
        seed=plan.seed,
        drain=plan.drain,
        log=str(bundle.log.resolve()),
        result=str(bundle.account.resolve()),
        targets=str(plan.targets) if plan.targets else None,
        run_secret=plan.run_secret,
        classes=plan.classes,
        tags=plan.tags,
        exclude_tags=plan.exclude_tags,
        routes=plan.routes,
        tls=plan.tls.resolved(),
        tolerance=plan.tolerance,
        crew=plan.crew,
        key=plan.crew_key,
    )


def _listen(
    plan: Plan,
    engine: EngineProcess,
    server: ServerCounters,
    live: Live,
    ticks: list[Tick],
    on_tick: Callable[[Tick], None],
    interruption: Interruption,
) -> Ending | None:
    """Follow the load to its end, and end it where that is asked for. Returns why it was, if so."""
    profile = plan.load if isinstance(plan.load, Profile) else None
    warmup = profile.warmup if profile is not None else 0.0
    brake, climb = Brake.of(plan), Climb(profile) if profile is not None and profile.steps else None
    ending: Ending | None = None
    for message in engine.ticks():
        beat = Beat.of(message)
        tick = beat.tick
        ticks.append(tick)
        live.add(beat)
        if warmup and "measured" not in server.moments and tick.second >= warmup and not server.errors:
            server.take("measured")
        on_tick(tick)
        if ending is None and interruption.name is None:
            ending = (brake.look(tick) if brake else None) or (climb.look(live) if climb else None)
            if ending is not None:
                engine.stop()
    return ending


def _mend(bundle: Bundle, death: str, interruption: Interruption) -> None:
    """Make whole what an engine that died has left; there is no bundle of a load that never began, nor need be one."""
    if bundle.log.exists():
        mend(bundle.log)
    elif interruption.name:
        bundle.log.touch()
    else:
        bundle.discard()
        raise EngineError(death)


def _document(
    plan: Plan,
    bundle: Bundle,
    result: dict[str, Any],
    ticks: list[Tick],
    server: ServerCounters,
    interruption: Interruption,
    ending: Ending | None,
    death: str,
) -> RunDocument:
    record = plan.record()
    log = bundle.read_log()
    began = result.get("began", dt.datetime.now(dt.UTC).timestamp() - len(ticks))
    seconds = result.get("seconds", float(len(ticks)))
    planned_end = record.warmup + sum(stage.duration for stage in record.stages)
    measured_to = min(seconds, planned_end) if record.model == "open" else seconds
    generator = result.get("generator", {"reasons": []})
    reasons = [*generator["reasons"], *([death] if death else [])]
    if result.get("stopped_early") and interruption.name is None and ending is None:
        reasons.append(f"the engine was told to stop after {seconds:.0f} s, and not by this run")
    queries = {route: counts.mean for route, counts in server.queries().items()}
    return RunDocument(
        id=bundle.path.name,
        tool=version("tailgate-loadtest"),
        started=dt.datetime.fromtimestamp(began, dt.UTC).isoformat(timespec="milliseconds"),
        began=began,
        seconds=seconds,
        measured_from=min(record.warmup, measured_to),
        measured_to=measured_to,
        interrupted=interruption.name,
        aborted=ending.why if ending and ending.aborted else None,
        ended=ending.why if ending and not ending.aborted else None,
        plan=record,
        environment={**environment.facts(), **plan.facts},
        tags=dict(plan.labels),
        arrivals=Arrivals(**result["arrivals"]) if result else _arrivals_from(ticks, plan),
        generator=Generator(**{**generator, "reasons": tuple(reasons)}),
        routes=_routes(log, result, queries, measured_to - min(record.warmup, measured_to)),
        slowest=tuple(result.get("slowest", ())),
        timeline=tuple(ticks),
        exceptions=result.get("exceptions", {}),
        server=server.state,
        warnings=tuple(_warnings(plan, result, server, ending)[:_MAX_WARNINGS]),
    )


def _routes(
    log: LatencyLog, result: dict[str, Any], queries: dict[str, float], seconds: float
) -> tuple[RouteRecord, ...]:
    errors, splits = result.get("errors", {}), result.get("splits", {})
    records = []
    for route in sorted({*log.all_routes, *errors}):
        response, service = log.whole(route, Kind.RESPONSE), log.whole(route, Kind.SERVICE)
        failed, censored = log.whole(route, Kind.FAILED).total, log.whole(route, Kind.CENSORED).total
        requests = response.total + failed + censored
        records.append(
            RouteRecord(
                route=route,
                requests=requests,
                failed=failed,
                censored=censored,
                lost=log.whole(route, Kind.LOST).total,
                setup=log.whole(route, Kind.SETUP).total,
                rate=requests / seconds if seconds > 0 else 0.0,
                response=_percentiles(response),
                service=_percentiles(service),
                errors=errors.get(route, {}),
                queries=queries.get(route),
                split=splits.get(route),
            )
        )
    return tuple(records)


def _percentiles(histogram: Histogram) -> Percentiles | None:
    if not histogram.total:
        return None
    p50, p90, p95, p99, p999 = (histogram.quantile(q) for q in (0.5, 0.9, 0.95, 0.99, 0.999))
    return Percentiles(p50=p50, p90=p90, p95=p95, p99=p99, p999=p999, mean=histogram.mean(), max=histogram.maximum())


def _warnings(plan: Plan, result: dict[str, Any], server: ServerCounters, ending: Ending | None) -> list[str]:
    warnings = [*server.errors, *result.get("notes", ())]
    warnings += (f"tolerated: {what}" for what in result.get("generator", {}).get("tolerated", ()))
    if plan.tls.insecure:
        warnings.append("--insecure: no certificate was looked at, so whoever answered was taken for the server")
    if ending is not None and not ending.aborted:
        warnings.append(ending.why)
    if result.get("model") == "closed":
        warnings.append(
            "closed model: a slow answer delays the next request, so times are service times and hide queueing;"
            " give a --profile for response times"
        )
    if folded := result.get("folded_routes"):
        warnings.append(
            f"more than 200 routes; the rest is in (other), such as {', '.join(folded)}:"
            " give requests a name=, or name the API's templates by --openapi"
        )
    arrivals = result.get("arrivals", {})
    if arrivals.get("abandoned"):
        warnings.append(f"{arrivals['abandoned']} arrivals were never begun, because on_start failed")
    if arrivals.get("unstarted"):
        full = arrivals["most_users"] >= arrivals["user_bound"]
        what = f"one of {arrivals['user_bound']} users" if full else "the on_start of their users"
        warnings.append(f"{arrivals['unstarted']} arrivals still waited for {what} at the end")
    for name, count in result.get("exceptions", {}).items():
        warnings.append(f"{plan.locustfile.name}: tasks raised {name} {count} times")
    return warnings


def _arrivals_from(ticks: list[Tick], plan: Plan) -> Arrivals:
    # The engine died: its last word is all there is.
    last = ticks[-1] if ticks else None
    started, completed = (round(last.started), round(last.completed)) if last else (0, 0)
    return Arrivals(
        planned=round(last.planned) if last else 0,
        arrived=started,
        judged=0,
        started=started,
        completed=completed,
        unstarted=round(last.waiting) if last else 0,
        unfinished=started - completed,
        abandoned=0,
        uncharged=0,
        most_users=round(last.users) if last else 0,
        user_bound=plan.load.users,
    )
