"""Instrumentation for any ASGI and asyncpg application: traces, exact query counts, metrics.

>>> recorder = Recorder(Config.from_env(service_name="shop"))
>>> recorder.start()
>>> app = recorder.middleware(app)
>>> pool = await create_pool(dsn)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailgate_otel.config import Config
    from tailgate_otel.connection import RecordedConnection
    from tailgate_otel.errors import BeaconRefused, ConfigError, MetricsPortError, OtelError
    from tailgate_otel.pool import RecordedPool, create_pool
    from tailgate_otel.record import Record, open_record, recording
    from tailgate_otel.recorder import Recorder
    from tailgate_otel.vitals import Vitals, VitalsConfig

__all__ = [
    "BeaconRefused",
    "Config",
    "ConfigError",
    "MetricsPortError",
    "OtelError",
    "Record",
    "RecordedConnection",
    "RecordedPool",
    "Recorder",
    "Vitals",
    "VitalsConfig",
    "create_pool",
    "open_record",
    "recording",
]

_HOMES = {
    **dict.fromkeys(("RecordedPool", "create_pool"), "pool"),
    **dict.fromkeys(("BeaconRefused", "ConfigError", "MetricsPortError", "OtelError"), "errors"),
    **dict.fromkeys(("Record", "open_record", "recording"), "record"),
    **dict.fromkeys(("Vitals", "VitalsConfig"), "vitals"),
    "Config": "config",
    "RecordedConnection": "connection",
    "Recorder": "recorder",
}


def __getattr__(name: str) -> object:
    """What is exported, loaded when it is first asked for: who only wants the names loads no recorder."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
