"""``tailgate run``: the main job."""

import os
from pathlib import Path
from typing import Any

import typer
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.shapes.browsers import Browser, is_script
from tailgate_loadtest.shapes.openapi import routes as routes_of
from tailgate_loadtest.shapes.orders import Swarm, Tls
from tailgate_loadtest.shapes.profile import Profile, find

from tailgate import objectives as objectives_files
from tailgate import options, run_options
from tailgate import settings as settings_file
from tailgate.announcing import announcer_for
from tailgate.browsing import Browsers
from tailgate.console import say
from tailgate.crew import crew_for, work
from tailgate.errors import CommandError
from tailgate.planning import show_plan
from tailgate.running import Request, against_host, conclude, embedded
from tailgate.texts import file_of, seconds_of, tolerance_from

_DEFAULT_PROFILE = "smoke"


def run(
    classes: options.Classes = None,
    locustfile: options.Locustfile = None,
    host: run_options.Host = None,
    profile: options.ProfileName = None,
    users: run_options.Users = None,
    spawn_rate: run_options.SpawnRate = None,
    run_time: run_options.RunTime = None,
    tags: run_options.Tags = None,
    exclude_tags: run_options.ExcludeTags = None,
    slo: options.Slo = None,
    metrics: run_options.Metrics = None,
    prometheus: run_options.PrometheusUrl = None,
    tolerate: options.Tolerate = None,
    targets: options.TargetsFile = None,
    openapi: options.OpenApi = None,
    cacert: run_options.CaCert = None,
    cert: run_options.Cert = None,
    key: run_options.Key = None,
    insecure: options.Insecure = False,
    variant: run_options.Variant = "parallel",
    db_rtt: options.DbRtt = "0ms",
    out_dir: options.Out = None,
    seed: options.Seed = 1,
    metrics_port: run_options.MetricsPort = None,
    visit: run_options.Visit = None,
    browsers: run_options.BrowserCount = None,
    device: run_options.Device = None,
    network: run_options.Network = None,
    cpu: run_options.Cpu = None,
    processes: run_options.Processes = 1,
    master: run_options.Master = False,
    master_bind_host: run_options.MasterBindHost = "127.0.0.1",
    unauthenticated_workers: run_options.UnauthenticatedWorkers = False,
    expect_workers: run_options.ExpectWorkers = None,
    expect_workers_max_wait: run_options.ExpectWorkersMaxWait = "60s",
    worker: run_options.Worker = False,
    master_host: run_options.MasterHost = "127.0.0.1",
    master_port: run_options.MasterPort = 5557,
    grafana: run_options.GrafanaUrl = None,
    grafana_token_file: run_options.GrafanaTokenFile = None,
    alertmanager: run_options.AlertmanagerUrl = None,
    tag: run_options.Labels = None,
    plan: run_options.PlanOnly = False,
    as_json: options.AsJson = False,
) -> None:
    """Start what is needed, put the load on, judge it, write the bundle.

    With no --host the reference API is started on a database of its own and loaded; nothing has to be installed. With
    --profile the model is open: arrivals come when they are due, however slow the answers. With -u, -r, -t, or a
    LoadTestShape in the locustfile, it is closed, as under Locust.

        tailgate run --profile smoke
        tailgate run --host http://127.0.0.1:8000 -f locustfile.py --profile load --slo slo.yaml
        tailgate run --host http://127.0.0.1:8000 -f locustfile.py -u 20 -t 30s
        tailgate run --host http://127.0.0.1:8000 -f locustfile.py --profile load --processes 4
        tailgate run --profile load --visit dashboard --device phone --network 4g --cpu 4
    """
    defaults = settings_file.load()
    locustfile = locustfile or defaults.locustfile
    closed = users is not None or run_time is not None or spawn_rate is not None
    if profile and closed:
        raise CommandError("--profile sets arrivals, -u/-r/-t set users: give one or the other")
    told = grafana or alertmanager or prometheus
    if worker and (master or processes != 1 or profile or closed or host or plan or told or visit):
        raise CommandError("--worker: what to load, and how, is the master's to say; give only -f and what it needs")
    if spawn_rate is not None and users is None:
        raise CommandError("-r says how quickly users start: give -u, their number, with it")
    file = file_of(locustfile, "-f") if locustfile else None
    targets_file = Path(given) if (given := targets or defaults.targets) else None
    tls = Tls(cacert=cacert, cert=cert, key=key, insecure=insecure)
    if worker:
        with Interruption() as interruption:
            code = work(
                master_host,
                master_port,
                locustfile=file,
                targets=targets_file,
                tls=tls,
                patience=seconds_of(expect_workers_max_wait, "--expect-workers-max-wait"),
                interruption=interruption,
            )
        raise typer.Exit(code)
    host = host or defaults.host
    asked = _load(profile or (None if closed else defaults.profile), users, spawn_rate, run_time, locustfile)
    request = Request(
        host=host,
        locustfile=file,
        load=asked,
        objectives=objectives_files.find(slo or defaults.slo, reference=host is None and locustfile is None),
        variant=variant,
        db_rtt=seconds_of(db_rtt, "--db-rtt"),
        metrics=None if prometheus else metrics or defaults.metrics,
        prometheus=prometheus,
        metrics_port=metrics_port,
        traces=defaults.service.traces,
        targets=targets_file,
        openapi=routes_of(Path(given)) if (given := openapi or defaults.openapi) else (),
        out=Path(out_dir or defaults.out or "runs"),
        seed=seed,
        labels=_labels(tag or []),
        classes=tuple(classes or ()),
        tags=tuple(tags or ()),
        exclude_tags=tuple(exclude_tags or ()),
        tls=tls,
        tolerance=tolerance_from(tolerate or []),
        crew=crew_for(
            processes,
            master=master,
            bind_host=master_bind_host,
            port=master_port,
            unauthenticated=unauthenticated_workers,
            expect=expect_workers,
            patience=seconds_of(expect_workers_max_wait, "--expect-workers-max-wait"),
        ),
        browsers=Browsers.of(
            _browsers(asked, visit or [], count=browsers, device=device, network=network, cpu=cpu), os.environ
        ),
    )
    _refuse_what_cannot_be_together(request, metrics)
    with Interruption() as interruption:
        try:
            if plan:
                expected = request.plan(host or "http://127.0.0.1")
                show_plan(expected, request.browsers, embedded=host is None, as_json=as_json)
                return
            announcer = announcer_for(grafana, grafana_token_file, alertmanager)
            load = against_host if host else embedded
            bundle = load(request, interruption, announcer)
        except KeyboardInterrupt:
            say("interrupted before the load began; nothing was measured")
            raise typer.Exit(interruption.exit_code) from None
        raise typer.Exit(conclude(bundle, request.objectives, announcer, as_json=as_json))


def _refuse_what_cannot_be_together(request: Request, metrics: str | None) -> None:
    """``metrics`` is the option itself: in the settings file it may stand for runs that name a host."""
    if request.host is not None and request.db_rtt:
        raise CommandError("--db-rtt is put before the reference API's own database; it cannot be with --host")
    if request.prometheus and (request.host is None or metrics):
        other = "--metrics" if metrics else "the reference API, whose own page is read; give --host"
        raise CommandError(f"--prometheus: has the counters of an API that --host names; it cannot be with {other}")
    if metrics and request.host is None:
        raise CommandError("--metrics is for an API that --host names; of the reference API its own page is read")
    if request.host is None and request.tls.given:
        raise CommandError(f"{request.tls.given} is for an API that --host names; the reference API is not secured")


def _load(
    profile: str | None, users: int | None, spawn_rate: float | None, run_time: str | None, locustfile: str | None
) -> Profile | Swarm:
    if profile:
        return find(profile)
    if users is None and run_time is None and locustfile is None:
        return find(_DEFAULT_PROFILE)
    seconds_of_load = seconds_of(run_time, "-t") if run_time else None
    if seconds_of_load == 0:
        raise CommandError("-t 0: a load must last longer than that")
    return Swarm(users=users or 1, spawn_rate=spawn_rate or float(users or 1), run_time=seconds_of_load)


def _browsers(load: Profile | Swarm, visits: list[str], **how: Any) -> tuple[Browser, ...]:
    """Those of the options, where there are any, else those of the profile."""
    given = {name: value for name, value in how.items() if value is not None}
    if visits:
        scripts = (str(file_of(visit, "--visit")) if is_script(visit) else visit for visit in visits)
        return tuple(Browser(visit=script, **given) for script in scripts)
    if given:
        option = "--browsers" if "count" in given else f"--{next(iter(given))}"
        raise CommandError(f"{option} says how browsers visit: give --visit, what they do, with it")
    return load.browsers if isinstance(load, Profile) else ()


def _labels(pairs: list[str]) -> dict[str, str]:
    labels = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise CommandError(f"--tag {pair!r} must be written key=value")
        labels[key] = value
    return labels
