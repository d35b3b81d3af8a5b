"""``tailgate serve``: the reference API, for a load of one's own."""

import os
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from tailgate_loadtest.shapes.units import seconds
from tailgate_loadtest.targets import DEFAULT as DEFAULT_TARGETS
from tailgate_otel import names
from tailgate_service.stack import METRICS_HOST, StackConfig, passed_on, start

from tailgate import objectives as objectives_files
from tailgate.console import print_json, say
from tailgate.errors import CommandError
from tailgate.options import VARIANTS_HELP

OBSERVED = Path(".tailgate/observe")


def serve(
    host: Annotated[str, typer.Option(help="The address to listen at; by default loopback.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 finds a free one.")] = 8000,
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The metrics page has a port of its own; 0 finds a free one.")
    ] = names.DEFAULT_METRICS_PORT,
    variant: Annotated[str, typer.Option(help=VARIANTS_HELP)] = "parallel",
    db_rtt: Annotated[str, typer.Option(help="A round trip put before the database, such as 20ms.")] = "0ms",
    slo: Annotated[str | None, typer.Option(help="The objectives that the API watches.")] = None,
    targets: Annotated[Path, typer.Option(help="Where the personas' targets file is written.")] = DEFAULT_TARGETS,
    observe: Annotated[
        bool,
        typer.Option("--observe", help="Have it watched by Prometheus, Alertmanager and Grafana, as far as found."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The addresses as JSON on standard output.")] = False,
) -> None:
    """Serve the reference API on an embedded, seeded database until Ctrl-C.

    Every start is a fresh clone of the same data; what was written to it goes with it. The database's address is for
    `tailgate db` and psql. The targets file has a key of each workspace and what there is to ask for. A voice provider
    is stood in for; Redis, an issuer of tokens and allowed origins are used where TAILGATE_REDIS_URL,
    TAILGATE_TOKEN_ISSUER, _AUDIENCE and _KEYS, and TAILGATE_ALLOWED_ORIGINS name them. Traces go to
    OTEL_EXPORTER_OTLP_ENDPOINT; a request that bears TAILGATE_RUN_SECRET is told what it cost.

    With --observe, Prometheus evaluates the rules of the objectives, Alertmanager takes its alerts, and Grafana shows
    the boards: those of them that are on the PATH. What they know stays in .tailgate/observe.

    Then, in another terminal: `locust -f loadtest/locustfile.py --host http://127.0.0.1:8000`
    """
    try:
        rtt = seconds(db_rtt)
    except ValueError as error:
        raise CommandError(f"--db-rtt: {error}") from error
    objectives = objectives_files.find(slo, reference=True)
    # SIGTERM is a way to end it like Ctrl-C; and a shell that starts it in the background has it ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    # Before minutes may be spent on a database.
    _listenable("--port", host, port)
    _listenable("--metrics-port", METRICS_HOST, metrics_port)
    try:
        config = StackConfig(
            host=host,
            port=port,
            metrics_port=metrics_port,
            variant=variant,
            db_rtt=rtt,
            slo=Path(objectives.file) if objectives else None,
            targets=targets,
            otlp_endpoint=os.environ.get(names.ENV_OTLP_ENDPOINT),
            run_secret=os.environ.get(names.ENV_RUN_SECRET),
            around=passed_on(os.environ),
        )
        say(f"starting the reference API ({variant}) on a database of its own")
        with start(config) as stack, ExitStack() as watching:
            addresses = {"url": stack.url, "metrics": stack.metrics_url, "targets": str(stack.targets)}
            # Its password is good for as long as this runs, and on this machine alone.
            addresses["database"] = stack.owner_dsn
            observers = None
            if observe and objectives:
                # It draws boards, by a library that takes a third of a second to be imported.
                from tailgate.observe import observing

                observers = watching.enter_context(observing(OBSERVED, stack.metrics_url, objectives))
                addresses |= observers.addresses
            missing = observers.missing if observers else {}
            for name, why in missing.items():
                say(f"without {name}: {why}")
            if as_json:
                print_json({**addresses, "missing": sorted(missing)} if observe else addresses)
            else:
                for name, address in addresses.items():
                    typer.echo(f"{name:<12} {address}")
            say("Ctrl-C ends it")
            while stack.alive():
                time.sleep(0.5)
                for name, fate in (observers.ended() if observers else {}).items():
                    say(f"from now on without {name}: {fate}")
            raise CommandError("the service ended by itself; its log is above")
    except KeyboardInterrupt:
        say("ended")


def _listenable(option: str, host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"{option} {port} of {host} cannot be listened at: {error.strerror}; {option} 0 finds one that is free"
            ) from error
