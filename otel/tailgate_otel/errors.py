"""The error tree.

OtelError
├── ConfigError      a value of the configuration cannot be used
├── MetricsPortError the metrics port cannot be listened on
└── BeaconRefused    what was sent as a beacon is not counted
"""


class OtelError(Exception):
    """Any error this package raises on purpose. Inside a request there is one only: ``BeaconRefused``, by ``take``."""


class ConfigError(OtelError, ValueError):
    """A value of :class:`~tailgate_otel.Config` cannot be used; the message names the field and the cure."""


class MetricsPortError(OtelError):
    """The metrics port cannot be listened on; the message names host, port and cure."""


class BeaconRefused(OtelError):  # noqa: N818 - what becomes of a beacon, and no fault of ours
    """What was sent as a beacon is not counted; the message is for who sent it, and repeats nothing of it.

    Attributes:
        reason: why, in a word.
        status: of the response, by HTTP.

    """

    def __init__(self, reason: str, detail: str, status: int = 422) -> None:
        super().__init__(detail)
        self.reason = reason
        self.status = status
