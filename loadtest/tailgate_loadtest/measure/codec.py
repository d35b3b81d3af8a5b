"""HdrHistogram's V2 compressed encoding, straight from and to sparse counts.

The layout is that of github.com/HdrHistogram/HdrHistogram (AbstractHistogram.encodeIntoCompressedByteBuffer): a zlib
stream in an 8-byte envelope; inside, a 40-byte header and zig-zag LEB128 numbers, a positive one a count, a negative
one a run of empty buckets. Encoded here because that project's own Python log writer knows no tags, and its histogram
is a dense array of 270 KB, filled anew for every route and second.
"""

import base64
import struct
import zlib
from collections.abc import Iterator

from tailgate_loadtest.errors import HistogramError
from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import Histogram

_COOKIE = 0x1C849303 | 0x10
_COMPRESSED_COOKIE = 0x1C849304 | 0x10
_ENVELOPE = struct.Struct(">ii")
_HEADER = struct.Struct(">iiiiqqd")
_MAX_INFLATED = 8 * 1024 * 1024


def encode(histogram: Histogram) -> str:
    """A histogram as the base64 text that stands in an interval log."""
    payload = bytearray()
    following = 0
    for bucket in sorted(histogram.counts):
        if bucket > following:
            _append(payload, following - bucket)
        _append(payload, histogram.counts[bucket])
        following = bucket + 1
    header = _HEADER.pack(_COOKIE, len(payload), 0, buckets.SIGNIFICANT_DIGITS, buckets.LOWEST, buckets.HIGHEST, 1.0)
    packed = zlib.compress(header + bytes(payload))
    return base64.b64encode(_ENVELOPE.pack(_COMPRESSED_COOKIE, len(packed)) + packed).decode("ascii")


def decode(text: str) -> Histogram:
    """The histogram that a base64 text holds.

    Raises:
        HistogramError: it is no V2 histogram, or one of another resolution.
    """
    try:
        raw = base64.b64decode(text, validate=True)
        cookie, length = _ENVELOPE.unpack_from(raw)
        inflated = zlib.decompressobj().decompress(raw[_ENVELOPE.size :], _MAX_INFLATED)
        inner, size, offset, digits, low, _, _ = _HEADER.unpack_from(inflated)
    except (ValueError, struct.error, zlib.error) as error:  # ValueError: binascii's own, and text that is not ASCII
        raise HistogramError(f"not an encoded histogram: {error}") from error
    if cookie != _COMPRESSED_COOKIE or inner != _COOKIE or offset:
        raise HistogramError("not a histogram in HdrHistogram's V2 encoding")
    if length != len(raw) - _ENVELOPE.size or size != len(inflated) - _HEADER.size:
        raise HistogramError("an encoded histogram is not as long as it says; was it cut short?")
    if digits != buckets.SIGNIFICANT_DIGITS or low != buckets.LOWEST:
        raise HistogramError(f"a histogram of {digits} digits from {low}; only 3 digits from 1 can be read")
    return Histogram(_counts(inflated[_HEADER.size :]))


def _counts(payload: bytes) -> dict[int, int]:
    counts: dict[int, int] = {}
    bucket = 0
    rest = iter(payload)
    # One round a number, written out for the common number of one byte: an hour's log holds some ten million.
    for byte in rest:
        value = _number(byte, rest) if byte & 0x80 else byte
        if value & 1:
            bucket += (value + 1) >> 1
        else:
            if value:
                counts[bucket] = value >> 1
            bucket += 1
    if bucket > buckets.LAST + 2 * buckets.HALF:
        raise HistogramError("an encoded histogram reaches past one hour")
    return counts


def _number(first: int, rest: Iterator[int]) -> int:
    """A LEB128 number of 64 bits from its first byte on: seven bits a byte, but the ninth byte gives all its eight."""
    value = first & 0x7F
    for shift in range(7, 56, 7):
        byte = next(rest, None)
        if byte is None:
            break
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value
    last = next(rest, None)
    if last is None:
        raise HistogramError("an encoded histogram ends in the middle of a number")
    return value | last << 56


def _append(payload: bytearray, number: int) -> None:
    value = (number << 1) ^ (number >> 63)
    for _ in range(8):
        if value < 0x80:
            payload.append(value)
            return
        payload.append((value & 0x7F) | 0x80)
        value >>= 7
    payload.append(value)
