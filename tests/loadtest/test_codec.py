"""HdrHistogram's encoding: read by its own library, and what it wrote read by us."""

import base64
import random
import struct
import zlib
from contextlib import suppress

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.errors import HistogramError
from tailgate_loadtest.measure import buckets, codec
from tailgate_loadtest.measure.histogram import Histogram

histograms = st.dictionaries(st.integers(0, buckets.LAST), st.integers(1, 2**40), max_size=40).map(Histogram)


def library() -> HdrHistogram:
    return HdrHistogram(buckets.LOWEST, buckets.HIGHEST, buckets.SIGNIFICANT_DIGITS)


@given(histograms)
def test_what_was_encoded_is_decoded(histogram):
    assert codec.decode(codec.encode(histogram)) == histogram


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_the_library_reads_what_we_write(size):
    rng = random.Random(size)
    values = [int(10 ** rng.uniform(3, 12.5)) for _ in range(size)]
    ours, theirs = Histogram(), library()
    for value in values:
        ours.add(value)
        theirs.record_value(value)
    read = HdrHistogram.decode(codec.encode(ours))
    assert read.get_total_count() == size
    for bucket, count in ours.counts.items():
        assert read.get_count_at_index(bucket) == count
    assert [read.get_value_at_percentile(p) for p in (50, 99, 100)] == [
        theirs.get_value_at_percentile(p) for p in (50, 99, 100)
    ]


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_we_read_what_the_library_writes(size):
    rng = random.Random(size + 1)
    ours, theirs = Histogram(), library()
    for _ in range(size):
        value = int(10 ** rng.uniform(0, 12.5))
        ours.add(value, 3)
        theirs.record_value(value, 3)
    assert codec.decode(theirs.encode().decode()) == ours


def test_a_large_count_takes_all_nine_bytes():
    histogram = Histogram({7: 2**62})
    assert codec.decode(codec.encode(histogram)) == histogram


def test_a_histogram_of_another_resolution_is_refused():
    with pytest.raises(HistogramError, match="2 digits"):
        codec.decode(HdrHistogram(1, 3_600_000, 2).encode().decode())
    with pytest.raises(HistogramError, match="from 1000"):
        codec.decode(HdrHistogram(1000, buckets.HIGHEST, 3).encode().decode())


def test_a_text_cut_short_anywhere_is_refused():
    whole = codec.encode(Histogram({n * 7: n for n in range(1, 200)}))
    for end in range(len(whole)):
        with pytest.raises(HistogramError):
            codec.decode(whole[:end])


def packed(payload: bytes, size: int | None = None, inner: int = 0x1C849313) -> str:
    """An encoding of any payload."""
    head = struct.pack(">iiiiqqd", inner, len(payload) if size is None else size, 0, 3, 1, buckets.HIGHEST, 1.0)
    body = zlib.compress(head + payload)
    return base64.b64encode(struct.pack(">ii", 0x1C849314, len(body)) + body).decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (packed(b"\x80"), "in the middle of a number"),
        (packed(b"\xff" * 9), "past one hour"),
        (packed(b"\x02", size=5), "not as long as it says"),
        (packed(b"\x02" * 100_000), "past one hour"),
        (packed(b"\x00" * 9_000_000), "not as long as it says"),
        (packed(b"\x02", inner=0x1C849301), "not a histogram in HdrHistogram's V2"),
        ("ÄÖÜ", "not an encoded histogram"),
        ("HIST", "not an encoded histogram"),
    ],
)
def test_bytes_that_are_no_histogram_are_refused(text, message):
    with pytest.raises(HistogramError, match=message):
        codec.decode(text)


@given(
    st.text(max_size=80)
    | st.binary(max_size=60).map(lambda b: base64.b64encode(b).decode())
    | st.binary(max_size=80).map(packed)
)
def test_junk_raises_a_histogram_error_or_nothing(text):
    with suppress(HistogramError):
        codec.decode(text)
