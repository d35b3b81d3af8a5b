"""How this service is recorded: OpenTelemetry's environment, and what the objectives file asks for."""

from collections.abc import Mapping
from importlib.metadata import version

from tailgate_otel import Config, VitalsConfig, names
from tailgate_otel.beacon import VITALS
from tailgate_slo import load

from tailgate_service.models.vitals import PAGES
from tailgate_service.settings import Settings

_NAME = "tailgate-service"


def configure(settings: Settings, environ: Mapping[str, str]) -> Config:
    """The recorder's configuration.

    Every latency threshold becomes a histogram edge; a request is slow when it misses the least threshold of
    its route, since from there on it counts against an objective. Raises ``ConfigError``, ``SloError``.
    """
    environ = {names.ENV_SERVICE_NAME: _NAME, **environ}
    if settings.slo is None:
        return Config.from_env(environ, service_version=version(_NAME))
    objectives = load(settings.slo)
    thresholds = objectives.thresholds()
    return Config.from_env(
        environ,
        service_version=version(_NAME),
        thresholds={route: float(min(seconds)) for route, seconds in thresholds.items()},
        edges=tuple(sorted({float(one) for seconds in thresholds.values() for one in seconds})),
        budgets=objectives.budgets(),
    )


def beacons(settings: Settings) -> VitalsConfig:
    """What pages may tell; every threshold of what they measure becomes a histogram edge. Raises ``SloError``."""
    asked = {} if settings.slo is None else load(settings.slo).vital_thresholds()
    known = {*VITALS, *(timing for timings in PAGES.values() for timing in timings)}
    # Objectives may be of other pages as well, which others serve.
    edges = {measure: tuple(map(float, values)) for measure, values in asked.items() if measure in known}
    return VitalsConfig(pages=tuple(PAGES), timings=PAGES, edges=edges)
