"""A metrics page with one native histogram, in the form in which Prometheus 2 takes such: protobuf, written by hand.

The messages: https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto.
"""

import math
import struct
from collections.abc import Sequence

from tests.server import Response, Server

_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_HISTOGRAM = 4
_SCHEMA = 3
"""Eight buckets to a doubling."""


class Page(Server):
    """Observes requests of one route by a native histogram, on a page of its own."""

    def __init__(self, name: str, labels: dict[str, str]) -> None:
        super().__init__(lambda _: Response(self.body(), headers={"Content-Type": _TYPE}))
        self._name, self._labels = name, labels
        self._seen: list[float] = []

    def observe(self, values: Sequence[float]) -> None:
        """Requests that took so many seconds each."""
        self._seen.extend(values)

    def body(self) -> bytes:
        buckets: dict[int, int] = {}
        for value in self._seen:
            index = math.ceil(math.log2(value) * 2**_SCHEMA)
            buckets[index] = buckets.get(index, 0) + 1
        spans, deltas, next_index, before = b"", b"", 0, 0
        for index in sorted(buckets):
            spans += _field(12, _varint(1, _zigzag(index - next_index)) + _varint(2, 1))
            deltas += _number(_zigzag(buckets[index] - before))
            next_index, before = index + 1, buckets[index]
        histogram = _varint(1, len(self._seen)) + _double(2, sum(self._seen)) + _varint(5, _zigzag(_SCHEMA))
        histogram += _double(6, 1e-9) + _varint(7, 0) + spans + _field(13, deltas)
        pairs = (_field(1, _field(1, k.encode()) + _field(2, v.encode())) for k, v in self._labels.items())
        family = (
            _field(1, self._name.encode()) + _varint(3, _HISTOGRAM) + _field(4, b"".join(pairs) + _field(7, histogram))
        )
        return _number(len(family)) + family


def _number(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return out + bytes((value,))


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _varint(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _double(field: int, value: float) -> bytes:
    return _number(field << 3 | 1) + struct.pack("<d", value)


def _field(field: int, content: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(content)) + content
