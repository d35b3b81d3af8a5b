"""The error tree.

OtelError
├── ConfigError      a value of the configuration cannot be used
└── MetricsPortError the metrics port cannot be listened on
"""


class OtelError(Exception):
    """Any error this package raises on purpose. None of them is ever raised inside a request."""


class ConfigError(OtelError, ValueError):
    """A value of :class:`~tailgate_otel.Config` cannot be used; the message names the field and the cure."""


class MetricsPortError(OtelError):
    """The metrics port cannot be listened on; the message names host, port and cure."""
