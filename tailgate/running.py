"""A run as the command carries it out: what was asked for, the load on a host or on the reference API, the verdict."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tailgate_loadtest.data import locustfile as reference_locustfile
from tailgate_loadtest.judge.verdict import judge_bundle
from tailgate_loadtest.report.terminal import final_table
from tailgate_loadtest.report.write import write as write_report
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.conduct import conduct
from tailgate_loadtest.run.environment import Fact
from tailgate_loadtest.run.exposition import LoadMetrics, MetricsPage, push_wanted
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.live import Live
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.run.receiver import TraceReceiver
from tailgate_loadtest.run.traces import TraceStore
from tailgate_loadtest.run.visitors import Opening
from tailgate_loadtest.shapes.orders import Crew, Swarm, Tls
from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.shapes.tolerance import Tolerance
from tailgate_otel import names
from tailgate_slo import Objectives

from tailgate.announcing import Announcer
from tailgate.browsing import Browsers, warn_without_sandbox
from tailgate.console import out, print_json, say
from tailgate.counters import counters_in
from tailgate.crew import key_for
from tailgate.live import LiveView
from tailgate.traces import listening

_LOOPBACK = ("127.0.0.1", "::1")
"""Where browsers visit from: the traces of their requests are kept."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for, the settings file's defaults applied."""

    host: str | None
    locustfile: Path | None
    load: Profile | Swarm
    objectives: Objectives | None
    variant: str
    db_rtt: float
    metrics: str | None
    prometheus: str | None
    metrics_port: int | None
    traces: tuple[str, int] | None
    """Where those of the host's service are received."""
    targets: Path | None
    openapi: tuple[str, ...]
    out: Path
    seed: int
    labels: dict[str, str]
    classes: tuple[str, ...]
    tags: tuple[str, ...]
    exclude_tags: tuple[str, ...]
    tls: Tls
    tolerance: Tolerance
    crew: Crew | None
    browsers: Browsers | None = None

    def plan(self, host: str, **more: Any) -> Plan:
        """The plan of a run against a host."""
        given = {
            "locustfile": self.locustfile or reference_locustfile(),
            "load": self.load,
            "out": self.out,
            "seed": self.seed,
            "objectives": self.objectives,
            "metrics_url": self.metrics,
            "targets": self.targets,
            "openapi": self.openapi,
            "classes": self.classes,
            "tags": self.tags,
            "exclude_tags": self.exclude_tags,
            "labels": self.labels,
            "tls": self.tls,
            "tolerance": self.tolerance,
            "crew": self.crew,
            "crew_key": key_for(self.crew, os.environ),
        }
        return Plan(**{**given, **more, "host": host})


def against_host(request: Request, interruption: Interruption, announcer: Announcer) -> Bundle:
    """Load the API at the host that was given."""
    plan = request.plan(request.host or "", run_secret=os.environ.get(names.ENV_RUN_SECRET))
    parts = urlsplit(plan.host)
    say(f"loading {parts.scheme}://{parts.netloc} with {plan.locustfile.name}, {_describe(request.load)}")
    read = counters_in(request.prometheus, request.objectives, interruption) if request.prometheus else None
    with ExitStack() as stack:
        traces = None
        if request.traces is not None:
            traces = TraceStore()
            stack.enter_context(listening(request.traces, {"": traces}, "the service's"))
        browsers = _browsers(request, plan, traces)
        stack.enter_context(announcer.load(plan))
        watchers = stack.enter_context(_watched(request, plan))
        return conduct(plan, interruption, counters=read, traces=traces, browsers=browsers, **watchers)


def embedded(request: Request, interruption: Interruption, announcer: Announcer) -> Bundle:
    """Start the reference API on a database of its own, and load that."""
    # A run against a host has no use for it, nor need it wait for the import.
    from tailgate_service.stack import StackConfig, passed_on, start

    with ExitStack() as stack:
        receiver = stack.enter_context(TraceReceiver())
        secret = secrets.token_urlsafe(24)
        config = StackConfig(
            variant=request.variant,
            db_rtt=request.db_rtt,
            slo=Path(request.objectives.file) if request.objectives else None,
            otlp_endpoint=receiver.endpoint,
            run_secret=secret,
            trusted_peers=_LOOPBACK if request.browsers else (),
            around=passed_on(os.environ),
        )
        say(f"starting the reference API ({request.variant}) on a database of its own")
        service = stack.enter_context(start(config))
        plan = request.plan(
            service.url,
            metrics_url=service.metrics_url,
            targets=service.targets,
            run_secret=secret,
            facts=_flat(service.facts),
        )
        say(f"loading {service.url} with {plan.locustfile.name}, {_describe(request.load)}")
        browsers = _browsers(request, plan, receiver.store)
        with announcer.load(plan), _watched(request, plan) as watchers:
            # Closing the service makes it hand over its last traces.
            return conduct(
                plan,
                interruption,
                after_load=service.close,
                traces=receiver.store,
                browsers=browsers,
                **watchers,
            )


def _browsers(request: Request, plan: Plan, traces: TraceStore | None = None) -> Opening | None:
    if request.browsers is None:
        return None
    say(f"beside it, {request.browsers.words}")
    warn_without_sandbox(request.browsers.browsing)
    return request.browsers.opening(plan, traces)


def conclude(bundle: Bundle, objectives: Objectives | None, announcer: Announcer, *, as_json: bool) -> int:
    """Judge a bundle, write its reports and say what came of it. Returns the exit code."""
    verdict = judge_bundle(bundle, objectives)
    document = bundle.read_run()
    page = write_report(bundle, document, verdict)
    announcer.conclude(document, verdict, page)
    if as_json:
        print_json(
            {"bundle": str(bundle.path), "report": str(page), "verdict": verdict.model_dump(mode="json", by_alias=True)}
        )
    else:
        out().print(final_table(document, verdict))
        say(f"bundle  {bundle.path}\nreport  {page}")
    return verdict.exit_code


@contextmanager
def _watched(request: Request, plan: Plan) -> Iterator[dict[str, Any]]:
    """The live view, the metrics page and the push, as far as they are wanted: what ``conduct`` tells of the load."""
    live = Live(plan.objectives, plan.objectives.gate(plan.gate_profile) if plan.objectives else None)
    host = urlsplit(plan.host)
    info = {
        names.LABEL_PROFILE: plan.gate_profile,
        names.LABEL_HOST: f"{host.scheme}://{host.netloc}",
        names.LABEL_VERSION: version("tailgate"),
    }
    metrics = LoadMetrics(live, plan.objectives, info)
    watchers: dict[str, Any] = {"live": live}
    with ExitStack() as stack:
        if request.metrics_port is not None:
            page = stack.enter_context(MetricsPage(metrics, request.metrics_port))
            say(f"this run's own measures are at {page.url}")
        if variable := push_wanted(os.environ):
            # Few runs need the exporter, which takes its time to import.
            from tailgate_loadtest.run.push import Push

            watchers["on_settled"] = stack.enter_context(Push(metrics, variable)).close
        view = stack.enter_context(_view(live, plan.load))
        yield {**watchers, "on_tick": view.show}


def _view(live: Live, load: Profile | Swarm) -> LiveView:
    if isinstance(load, Swarm):
        return LiveView(live, load.run_time, 0.0)
    return LiveView(live, load.warmup + load.duration, load.warmup)


def _describe(load: Profile | Swarm) -> str:
    if isinstance(load, Swarm):
        return f"closed model: {load.users} users" + (f" for {load.run_time:g} s" if load.run_time else "")
    return (
        f"profile {load.name}: {load.warmup:g} s of warm-up, then {load.duration:g} s, about {load.arrivals:.0f}"
        f" arrivals, at most {load.peak:g} a second"
    )


def _flat(facts: dict[str, Any], prefix: str = "") -> dict[str, Fact]:
    """Nested facts as one level: ``db_rtt: {emulated: 0}`` becomes ``db_rtt.emulated: 0``."""
    flat: dict[str, Fact] = {}
    for key, value in facts.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
