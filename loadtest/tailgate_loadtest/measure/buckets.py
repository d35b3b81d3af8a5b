"""The log-linear buckets of HdrHistogram, as arithmetic: three significant digits, values in whole nanoseconds.

A value below 2048 has a bucket of its own; above, each power of two is cut into 1024 equal buckets, so a bucket is at
most 1/1024 of its values wide. The index is the one that HdrHistogram gives the same value for 3 significant digits and
a lowest discernible value of 1, so that counts can be exchanged with it (github.com/HdrHistogram/HdrHistogram,
AbstractHistogram.countsArrayIndex).
"""

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT_DIGITS = 3
HALF = 1024
_HALF_BITS = 11
LOWEST = 1
HIGHEST = 3_600_000_000_000
"""The largest value that can be told apart: one hour."""


def index(value: int) -> int:
    """The bucket of a value in nanoseconds; values outside 0..one hour fall into the outermost buckets."""
    if value < 2 * HALF:
        return max(0, value)
    if value > HIGHEST:
        value = HIGHEST
    shift = value.bit_length() - _HALF_BITS
    return (shift << 10) + (value >> shift)


def indices(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bucket of each of many values, in seconds here: ``index`` of the nearest nanosecond."""
    values = np.clip(np.rint(seconds * 1e9), 0, HIGHEST).astype(np.int64)
    # frexp gives the bit length; a value below 2^53 goes through it unharmed.
    shifts = np.maximum(np.frexp(values)[1] - _HALF_BITS, 0).astype(np.int64)
    found: NDArray[np.int64] = (shifts << 10) + (values >> shifts)
    return found


def lowest(bucket: int) -> int:
    """The smallest value in a bucket, in nanoseconds."""
    if bucket < 2 * HALF:
        return bucket
    shift = (bucket >> 10) - 1
    return (bucket - (shift << 10)) << shift


def highest(bucket: int) -> int:
    """The largest value in a bucket, in nanoseconds."""
    return lowest(bucket + 1) - 1


def middle(bucket: int) -> int:
    """The value that stands for a bucket: at most 1/2048 away from any value in it."""
    return (lowest(bucket) + highest(bucket)) // 2


LAST = index(HIGHEST)
