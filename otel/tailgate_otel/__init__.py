"""Instrumentation for any ASGI and asyncpg application: traces, exact query counts, metrics.

>>> recorder = Recorder(Config.from_env(service_name="shop"))
>>> recorder.start()
>>> app = recorder.middleware(app)
>>> pool = await create_pool(dsn)
"""

from tailgate_otel.config import Config
from tailgate_otel.database import RecordedConnection, RecordedPool, create_pool
from tailgate_otel.errors import ConfigError, MetricsPortError, OtelError
from tailgate_otel.record import Record, open_record, recording
from tailgate_otel.recorder import Recorder

__all__ = [
    "Config",
    "ConfigError",
    "MetricsPortError",
    "OtelError",
    "Record",
    "RecordedConnection",
    "RecordedPool",
    "Recorder",
    "create_pool",
    "open_record",
    "recording",
]
