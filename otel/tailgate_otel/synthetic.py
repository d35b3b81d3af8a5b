"""Which requests are part of a load test, as their ``User-Agent`` says."""

from collections.abc import Iterable

from tailgate_otel import names

_USER_AGENT = names.HEADER_USER_AGENT.encode()
_TOKEN = names.SYNTHETIC_AGENT.encode()
# Values that are remembered: whoever calls may send as many and as long ones as they like.
_MAX_KNOWN = 256
_MAX_LENGTH = 256


class Synthetic:
    """Tells the requests of load tests from those of visitors."""

    def __init__(self) -> None:
        self._known: dict[bytes, bool] = {}

    def __call__(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether the headers of a request, their names in lower case, are those of a load test."""
        for name, value in headers:
            if name == _USER_AGENT:
                known = self._known.get(value)
                return self._learn(value) if known is None else known
        return False

    def _learn(self, value: bytes) -> bool:
        told = _TOKEN in value.lower()
        if len(value) <= _MAX_LENGTH:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[value] = told
        return told
