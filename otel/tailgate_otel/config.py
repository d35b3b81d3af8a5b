"""What a recorder needs to know, as one frozen value; the environment is read here and nowhere else."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Self

from tailgate_otel import names
from tailgate_otel.errors import ConfigError
from tailgate_otel.peers import networks

_DEFAULT_SAMPLE = 0.01
_RATIO = "traceidratio"
_ALWAYS = {"always_on": 1.0, "always_off": 0.0}


@dataclass(frozen=True, kw_only=True)
class Config:
    """How one service process is recorded.

    Routes are written ``METHOD template``, as in ``GET /api/contacts/{contact_id}``.

    Attributes:
        service_name: the resource's ``service.name``.
        service_version: the resource's ``service.version``.
        thresholds: route -> seconds above which a request is slow and its trace is kept.
        default_slow: the same, for every route that ``thresholds`` does not name.
        edges: further edges of the latency histograms, seconds; every threshold is an edge already.
        budgets: route -> queries a request may make before its trace is kept.
        n_plus_one: how many times the same statement under one request is called an N+1.
        sample_ratio: the share of requests whose trace is kept whatever happened, 0 to 1.
        keep_per_second: traces kept per second, route and reason at most.
        otlp_endpoint: the base URL of an OTLP/HTTP receiver; without one, and without a file, no spans are built.
        traces_file: a file that kept traces are appended to, OTLP JSON, a trace a line; needs ``tailgate-otel[file]``.
        metrics_host: the address the metrics are served on.
        metrics_port: the port the metrics are served on; 0 finds a free one.
        metrics_ports: how many ports from there on may be tried, for several processes on one host.
        run_secret: who sends it is answered with ``Server-Timing``; without one nobody is.
        trusted_peers: addresses and CIDR blocks of direct callers whose sampled ``traceparent`` forces keeping.

    Raises:
        ConfigError: a field is out of its range.

    """

    service_name: str
    service_version: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    default_slow: float = 1.0
    edges: tuple[float, ...] = ()
    budgets: Mapping[str, int] = field(default_factory=dict)
    n_plus_one: int = 5
    sample_ratio: float = _DEFAULT_SAMPLE
    keep_per_second: float = 10.0
    otlp_endpoint: str | None = None
    traces_file: str | None = None
    metrics_host: str = "127.0.0.1"
    metrics_port: int = names.DEFAULT_METRICS_PORT
    metrics_ports: int = 1
    run_secret: str | None = None
    trusted_peers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for route in (*self.thresholds, *self.budgets):
            method, _, template = route.partition(" ")
            _require(
                method.isupper() and template.startswith("/"),
                f"route {route!r}",
                "be written 'METHOD /template'",
            )
        for route, seconds in self.thresholds.items():
            _require(isinstance(seconds, int | float), f"thresholds[{route!r}]={seconds!r}", "be a number of seconds")
            _require(seconds > 0, f"thresholds[{route!r}]={seconds}", "be above 0 seconds")
        for route, budget in self.budgets.items():
            _require(isinstance(budget, int), f"budgets[{route!r}]={budget!r}", "be a number of queries")
            _require(budget >= 0, f"budgets[{route!r}]={budget}", "be 0 or more queries")
        for edge in self.edges:
            _require(0 < edge < inf, f"edges holds {edge}, which", "be a finite number of seconds above 0")
        _require(bool(self.service_name), "service_name", "not be empty")
        _require(self.default_slow > 0, f"default_slow={self.default_slow}", "be above 0 seconds")
        _require(0 <= self.sample_ratio <= 1, f"sample_ratio={self.sample_ratio}", "be from 0 to 1")
        _require(self.keep_per_second > 0, f"keep_per_second={self.keep_per_second}", "be above 0")
        _require(self.n_plus_one >= 2, f"n_plus_one={self.n_plus_one}", "be 2 or more")
        _require(0 <= self.metrics_port <= 65535, f"metrics_port={self.metrics_port}", "be from 0 to 65535")
        for peer in self.trusted_peers:
            _require(_is_network(peer), f"trusted_peers holds {peer!r}, which", "be an address or a CIDR block")
        _require(
            1 <= self.metrics_ports <= 65536 - self.metrics_port,
            f"metrics_ports={self.metrics_ports}",
            "be 1 or more, and the last of the ports 65535 at most",
        )
        _require(self.traces_file != "", "traces_file", "be left out or not be empty")
        _require(self.run_secret != "", "run_secret", "be left out or not be empty")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **overrides: Any) -> Self:
        """The configuration of this process: its environment, and over it what the caller knows better.

        Raises:
            ConfigError: a variable cannot be read, or a value is out of its range.

        """
        port = environ.get(names.ENV_METRICS_PORT) or str(names.DEFAULT_METRICS_PORT)
        if not port.isdecimal():
            raise ConfigError(f"{names.ENV_METRICS_PORT} is {port!r}; it must be a port number, or 0 to find one")
        ports = environ.get(names.ENV_METRICS_PORTS) or "1"
        if not ports.isdecimal():
            raise ConfigError(f"{names.ENV_METRICS_PORTS} is {ports!r}; it must be a number of ports")
        read: dict[str, Any] = {
            "service_name": environ.get(names.ENV_SERVICE_NAME) or "unknown_service",
            "metrics_host": environ.get(names.ENV_METRICS_HOST) or "127.0.0.1",
            "metrics_port": int(port),
            "metrics_ports": int(ports),
            "otlp_endpoint": environ.get(names.ENV_OTLP_ENDPOINT) or None,
            "sample_ratio": _sample_ratio(environ),
            "traces_file": environ.get(names.ENV_TRACES_FILE) or None,
            "run_secret": environ.get(names.ENV_RUN_SECRET) or None,
            "trusted_peers": tuple(filter(None, map(str.strip, environ.get(names.ENV_TRUSTED_PEERS, "").split(",")))),
        }
        return cls(**(read | overrides))


def _sample_ratio(environ: Mapping[str, str]) -> float:
    """The share that OpenTelemetry's own variables ask for; which parent it is based on is decided by trusted peers."""
    sampler = (environ.get(names.ENV_TRACES_SAMPLER) or "").removeprefix("parentbased_")
    given = environ.get(names.ENV_TRACES_SAMPLER_ARG) or "1"
    if sampler not in ("", _RATIO, *_ALWAYS):
        known = ", ".join((_RATIO, *_ALWAYS))
        raise ConfigError(f"{names.ENV_TRACES_SAMPLER} is {sampler!r}; it must be {known}, or one of them parentbased_")
    if sampler != _RATIO:
        return _ALWAYS.get(sampler, _DEFAULT_SAMPLE)
    try:
        return float(given)
    except ValueError as error:
        raise ConfigError(f"{names.ENV_TRACES_SAMPLER_ARG} is {given!r}; it must be a share, 0 to 1") from error


def _require(holds: bool, what: str, cure: str) -> None:
    if not holds:
        raise ConfigError(f"{what} must {cure}")


def _is_network(written: str) -> bool:
    try:
        networks((written,))
    except ValueError:
        return False
    return True
