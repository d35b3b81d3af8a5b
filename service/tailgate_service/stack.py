"""The embedded stack: a clone of the template, the relay if a round trip is asked for, and the service, as one thing.

    this process ── guardian ── Postgres
                 ├─ relay       (db_rtt > 0)
                 ├─ provider    (of voice: it stands in for the outside one)
                 └─ service

All of them are processes in sessions of their own that end when this one does, SIGKILL included. Any of them may die
without taking the others down.
"""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
from tailgate_otel import names

from tailgate_service import relay, targets, template
from tailgate_service.errors import StackError
from tailgate_service.migrations.files import LEVELS
from tailgate_service.postgres import cluster
from tailgate_service.process import Child
from tailgate_service.seed.config import SeedConfig

READY_WITHIN = 30.0
POOL_SIZE = 20
SERVICE_NAME = "tailgate-service"
METRICS_HOST = "127.0.0.1"
SERVICE = "tailgate_service"
RELAY = "tailgate_service.relay"
PROVIDER = "tailgate_service.provider"
PASSED_ON = (
    names.ENV_REDIS_URL,
    names.ENV_HOT_BYTES,
    names.ENV_ALLOWED_ORIGINS,
    names.ENV_TOKEN_ISSUER,
    names.ENV_TOKEN_AUDIENCE,
    names.ENV_TOKEN_KEYS,
    names.ENV_TRACES_SAMPLER,
    names.ENV_TRACES_SAMPLER_ARG,
)
"""What the service may be told of the world around the stack."""


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """What to start. ``db_rtt``: seconds of round trip put between service and database. Ports of 0 are found.

    ``around`` are variables of the service's own, of those that are ``PASSED_ON``; all others are the stack's to set.
    ``targets`` is where the targets file goes; ``log`` where the service's log goes, by default beside the database, to
    be removed with it; ``cache`` where the database's templates are kept. Traces that callers at ``trusted_peers``
    (addresses and CIDR blocks) ask for are kept. Raises ``StackError`` when a value cannot be.
    """

    targets: Path | None = None
    variant: str = "parallel"
    db_rtt: float = 0.0
    host: str = "127.0.0.1"
    port: int = 0
    metrics_port: int = 0
    slo: Path | None = None
    otlp_endpoint: str | None = None
    run_secret: str | None = field(default=None, repr=False)
    trusted_peers: tuple[str, ...] = ()
    around: Mapping[str, str] = field(default_factory=dict, repr=False)
    seed: SeedConfig = field(default_factory=SeedConfig)
    log: Path | None = None
    cache: Path | None = None

    def __post_init__(self) -> None:
        if self.variant not in LEVELS:
            raise StackError(f"variant {self.variant!r} is none of {', '.join(LEVELS)}")
        if strange := self.around.keys() - set(PASSED_ON):
            raise StackError(f"{', '.join(sorted(strange))}: not passed on; these are: {', '.join(PASSED_ON)}")
        if not 0 <= self.db_rtt <= 10:
            raise StackError(f"db_rtt = {self.db_rtt:g} s is outside 0 to 10 s")


class Stack:
    """A running stack; made by :func:`start`."""

    def __init__(self, config: StackConfig) -> None:
        with contextlib.ExitStack() as running:
            clone = template.clone(config.variant, config.seed, config.cache)
            self._cluster = running.enter_context(clone.cluster)
            self._log = config.log or clone.cluster.directory / "service.log"
            webhook = targets.Webhook()
            self.targets = config.targets or clone.cluster.directory / "targets.json"
            asyncio.run(targets.write(self.targets, clone.cluster.dsn, webhook))
            dsn, self._relay = clone.dsn, None
            if config.db_rtt > 0:
                self._relay = running.enter_context(self._start_relay(config.db_rtt))
                dsn = clone.dsn_at(self._relay.ready["port"])
            self.facts: dict[str, Any] = {
                "variant": config.variant,
                "postgres": asyncio.run(_version(clone.cluster.dsn)),
                "fsync": False,
                "db_rtt": {"emulated": config.db_rtt, "measured": asyncio.run(relay.measure(dsn))},
                "seed": asdict(config.seed),
                "template": clone.origin,
                "redis": names.ENV_REDIS_URL in config.around,
            }
            key = secrets.token_hex(16)
            voice = running.enter_context(self._start_provider(key))
            environ = _environ(config, dsn, webhook)
            environ |= {names.ENV_VOICE_URL: voice.ready["url"], names.ENV_VOICE_KEY: key}
            self._service = running.enter_context(
                Child(SERVICE, [], environ=environ, log=self._log, within=READY_WITHIN)
            )
            self._running = running.pop_all()
        self.owner_dsn = clone.cluster.dsn
        self.dsn = dsn
        self.url: str = self._service.ready["url"]
        self.metrics_url: str = self._service.ready["metrics_url"]
        self.service_pid = self._service.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def alive(self) -> bool:
        """Whether every process of it runs."""
        return self.ended() is None

    def ended(self) -> tuple[str, int | None] | None:
        """Which process of it has ended, if one has, and its exit code, less than 0 where a signal ended it."""
        for child in filter(None, (self._service, self._relay)):
            if (code := child.code()) is not None:
                return child.module, code
        return None if self._cluster.alive else ("its database", None)

    def close(self) -> None:
        """End every process and remove the database; a second call does nothing."""
        self._running.close()

    def _start_relay(self, delay: float) -> Child:
        upstream = f"{cluster.HOST}:{self._cluster.port}"
        arguments = ["--listen", f"{cluster.HOST}:0", "--upstream", upstream, "--delay", repr(delay)]
        return Child(RELAY, arguments, environ=os.environ, log=self._log, within=READY_WITHIN)

    def _start_provider(self, key: str) -> Child:
        environ = {**os.environ, names.ENV_VOICE_KEY: key}
        return Child(PROVIDER, [], environ=environ, log=self._log, within=READY_WITHIN)


def start(config: StackConfig) -> Stack:
    """Start the stack and return when the service takes requests; blocks, and leaves nothing when it raises.

    Raises ``StackError`` (a process did not become ready; its log's end is in the message), ``ClusterError``,
    ``MigrationError`` or ``SeedError``. Not to be called where an event loop runs.
    """
    return Stack(config)


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """What of ``environ`` is ``PASSED_ON``."""
    return {name: environ[name] for name in PASSED_ON if environ.get(name)}


def _environ(config: StackConfig, dsn: str, webhook: targets.Webhook) -> dict[str, str]:
    """The service's environment: ours without what would configure it behind the configuration's back."""
    ours = ("TAILGATE_", "OTEL_", "PG")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    told = {
        names.ENV_DATABASE_URL: dsn,
        names.ENV_VARIANT: config.variant,
        names.ENV_HOST: config.host,
        names.ENV_PORT: str(config.port),
        names.ENV_POOL_SIZE: str(POOL_SIZE),
        names.ENV_SLO: None if config.slo is None else str(config.slo.absolute()),
        names.ENV_WEBHOOK_SECRET: webhook.secret,
        names.ENV_WEBHOOK_VERIFY_TOKEN: webhook.verify_token,
        names.ENV_RUN_SECRET: config.run_secret,
        names.ENV_SERVICE_NAME: SERVICE_NAME,
        names.ENV_METRICS_HOST: METRICS_HOST,
        names.ENV_METRICS_PORT: str(config.metrics_port),
        names.ENV_OTLP_ENDPOINT: config.otlp_endpoint,
        names.ENV_TRUSTED_PEERS: ",".join(config.trusted_peers) or None,
    }
    return environ | dict(config.around) | {name: value for name, value in told.items() if value is not None}


async def _version(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)  # type: ignore[no-untyped-call]
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
