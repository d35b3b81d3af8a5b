"""The options of ``tailgate run`` alone, each as the type of the argument it gives."""

from pathlib import Path
from typing import Annotated

import typer
from tailgate_loadtest.browser.conditions import DeviceName, NetworkName
from tailgate_otel import names

from tailgate.options import JUDGING, LOAD, OUTPUT, REFERENCE, SECURING, VARIANTS_HELP

_CLOSED = "Closed model: users, as under Locust"
_BESIDE = "Browsers beside the load"
_MANY = "More than one process"
_TOLD = "Who else is told"

Host = Annotated[
    str | None,
    typer.Option(
        "-H",
        "--host",
        envvar="LOCUST_HOST",
        help="The API's address; without it, the reference API.",
        rich_help_panel=LOAD,
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("-T", "--tags", envvar="LOCUST_TAGS", help="Only tasks with this tag.", rich_help_panel=LOAD),
]
ExcludeTags = Annotated[
    list[str] | None,
    typer.Option(
        "-E", "--exclude-tags", envvar="LOCUST_EXCLUDE_TAGS", help="No tasks with this tag.", rich_help_panel=LOAD
    ),
]

Users = Annotated[
    int | None,
    typer.Option(
        "-u", "--users", envvar="LOCUST_USERS", min=1, help="Closed model: this many users.", rich_help_panel=_CLOSED
    ),
]
SpawnRate = Annotated[
    float | None,
    typer.Option(
        "-r",
        "--spawn-rate",
        envvar="LOCUST_SPAWN_RATE",
        min=0.001,
        help="Users started per second.",
        rich_help_panel=_CLOSED,
    ),
]
RunTime = Annotated[
    str | None,
    typer.Option(
        "-t", "--run-time", envvar="LOCUST_RUN_TIME", help="How long, such as 30s or 1h30m.", rich_help_panel=_CLOSED
    ),
]

Visit = Annotated[
    list[str] | None,
    typer.Option(
        "--visit",
        help="What real browsers do beside the load: inbox, dashboard or agent, the reference pages', or a visit"
        " script of your own; may be given often.",
        rich_help_panel=_BESIDE,
    ),
]
BrowserCount = Annotated[
    int | None,
    typer.Option("--browsers", min=1, help="So many make each visit; by default one.", rich_help_panel=_BESIDE),
]
Device = Annotated[
    DeviceName | None,
    typer.Option("--device", help="What their visitors have in hand; by default a desktop.", rich_help_panel=_BESIDE),
]
Network = Annotated[
    NetworkName | None,
    typer.Option("--network", help="Their network; by default this machine's.", rich_help_panel=_BESIDE),
]
Cpu = Annotated[
    float | None,
    typer.Option("--cpu", help="So many times slower than this machine are their devices.", rich_help_panel=_BESIDE),
]

Processes = Annotated[
    int,
    typer.Option(
        "--processes",
        envvar="LOCUST_PROCESSES",
        min=-1,
        help="Put the load on from so many processes here; -1: one per core.",
        rich_help_panel=_MANY,
    ),
]
Master = Annotated[
    bool,
    typer.Option("--master", envvar="LOCUST_MODE_MASTER", help="Lead workers elsewhere.", rich_help_panel=_MANY),
]
Worker = Annotated[
    bool,
    typer.Option("--worker", envvar="LOCUST_MODE_WORKER", help="Put on what a master asks.", rich_help_panel=_MANY),
]
MasterHost = Annotated[
    str,
    typer.Option("--master-host", envvar="LOCUST_MASTER_NODE_HOST", help="A worker's master.", rich_help_panel=_MANY),
]
MasterPort = Annotated[
    int,
    typer.Option(
        "--master-port",
        envvar="LOCUST_MASTER_NODE_PORT",
        min=1,
        max=65535,
        help="The master's port, for both.",
        rich_help_panel=_MANY,
    ),
]
MasterBindHost = Annotated[
    str,
    typer.Option(
        "--master-bind-host",
        envvar="LOCUST_MASTER_BIND_HOST",
        help="Where the master listens; elsewhere than on loopback only with the flag below.",
        rich_help_panel=_MANY,
    ),
]
UnauthenticatedWorkers = Annotated[
    bool,
    typer.Option(
        "--unauthenticated-workers",
        help="Let the master listen beyond loopback: whoever reaches its port can join, read the plan and the rows"
        " that are dealt, and send counts of its own.",
        rich_help_panel=_MANY,
    ),
]
ExpectWorkers = Annotated[
    int | None,
    typer.Option(
        "--expect-workers",
        envvar="LOCUST_EXPECT_WORKERS",
        min=1,
        help="Begin when so many workers from elsewhere are there.",
        rich_help_panel=_MANY,
    ),
]
ExpectWorkersMaxWait = Annotated[
    str,
    typer.Option(
        "--expect-workers-max-wait",
        envvar="LOCUST_EXPECT_WORKERS_MAX_WAIT",
        help="How long to wait for them, and as a worker for the master.",
        rich_help_panel=_MANY,
    ),
]

Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        help="The service's Prometheus metrics page, for its own side of the run.",
        rich_help_panel=JUDGING,
    ),
]
PrometheusUrl = Annotated[
    str | None,
    typer.Option(
        "--prometheus",
        help="A Prometheus that scrapes the service, for the same where its page cannot be reached.",
        rich_help_panel=JUDGING,
    ),
]

CaCert = Annotated[
    str | None,
    typer.Option(
        "--cacert", help="Trust the authorities of this file, in place of the system's.", rich_help_panel=SECURING
    ),
]
Cert = Annotated[
    str | None, typer.Option("--cert", help="The certificate that we show, a PEM file.", rich_help_panel=SECURING)
]
Key = Annotated[
    str | None, typer.Option("--key", help="Its key, where --cert does not hold it.", rich_help_panel=SECURING)
]

Variant = Annotated[
    str, typer.Option("--variant", help=f"Of the reference API. {VARIANTS_HELP}", rich_help_panel=REFERENCE)
]

MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        envvar=names.ENV_RUN_METRICS_PORT,
        min=0,
        max=65535,
        help="Serve this run's own measures for Prometheus at this port of 127.0.0.1 while it lasts; 0 finds one.",
        rich_help_panel=OUTPUT,
    ),
]
Labels = Annotated[
    list[str] | None, typer.Option("--tag", help="k=v, kept with the run; may be given often.", rich_help_panel=OUTPUT)
]
PlanOnly = Annotated[
    bool, typer.Option("--plan", help="Only say what would happen, and what it could decide.", rich_help_panel=OUTPUT)
]

GrafanaUrl = Annotated[
    str | None,
    typer.Option(
        "--grafana",
        help=f"Mark the run as a region in this Grafana; {names.ENV_GRAFANA_TOKEN} holds a token for it.",
        rich_help_panel=_TOLD,
    ),
]
GrafanaTokenFile = Annotated[
    Path | None,
    typer.Option(
        "--grafana-token-file",
        envvar=names.ENV_GRAFANA_TOKEN_FILE,
        help="A file that holds the token.",
        rich_help_panel=_TOLD,
    ),
]
AlertmanagerUrl = Annotated[
    str | None,
    typer.Option(
        "--alertmanager",
        help="Silence the objectives in this Alertmanager while the load is on.",
        rich_help_panel=_TOLD,
    ),
]
