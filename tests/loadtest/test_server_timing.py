"""The header Server-Timing is read as our servers write it, as others do, and never wrongly."""

import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.measure.server_timing import ServerTiming, parse
from tailgate_otel import recording

TRACE = "0123456789abcdef0123456789abcdef"
TOKENS = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=8)
QUOTED = st.text(string.printable.translate({ord(c): None for c in '"\\\r\n\t\x0b\x0c'}), max_size=20)
MILLISECONDS = st.integers(0, 10**9 - 1).map(lambda n: f"{n / 1000:.3f}")


def test_what_our_middleware_writes_is_read_whole() -> None:
    with recording() as record:
        value = record.timing(TRACE)
    timing = parse(value.encode())
    assert timing is not None
    assert (timing.trace_id, timing.queries, timing.round_trips) == (TRACE, 0, 0)
    assert timing.app is not None
    assert 0 <= timing.app < 60


@given(st.integers(0, 10**6), st.integers(0, 10**6), MILLISECONDS, MILLISECONDS, MILLISECONDS)
def test_a_whole_header_is_read_the_same_in_one_go_and_by_its_parts(
    queries: int, trips: int, db: str, pool: str, app: str
) -> None:
    counts = f'queries;desc="{queries}", trips;desc="{trips}"'
    value = f'trace;desc="{TRACE}", {counts}, db;dur={db}, pool;dur={pool}, app;dur={app}'
    timing = parse(value.encode())
    assert timing == ServerTiming(TRACE, queries, float(db) / 1e3, float(pool) / 1e3, float(app) / 1e3, trips)
    assert parse(f"edge;dur=1, {value}".encode()) == parse(f"{value} , edge".encode()) == timing


@given(TOKENS, QUOTED)
def test_what_stands_in_the_quotes_of_another_metric_counts_for_nothing(name: str, text: str) -> None:
    value = f'x-{name};desc="{text}, db;dur=5, ";foo, app;dur=7'
    assert parse(value.encode()) == ServerTiming(None, None, None, None, 0.007)


@given(st.binary(max_size=5000) | st.text(' \t;,="\\adbur.5', max_size=300).map(str.encode))
def test_whatever_comes_is_read_or_refused_and_is_never_an_error(value: bytes) -> None:
    timing = parse(value)
    for seconds in (timing.db, timing.pool, timing.app) if timing else ():
        assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


@pytest.mark.parametrize(
    ("value", "timing"),
    [
        (b"db;dur=53.2, app;dur=47", ServerTiming(None, None, 0.0532, None, 0.047)),
        (b'db ; dur = "53.2" ; desc="d"', ServerTiming(None, None, 0.0532, None, None)),
        (f'trace;desc="{TRACE}", queries;desc="3", db;dur=1'.encode(), ServerTiming(TRACE, 3, 0.001, None, None)),
        (b"db;dur=1, db;dur=2", ServerTiming(None, None, 0.001, None, None)),
        (b'trace;desc="nonsense", queries;desc="-1", db;dur=-5', None),
        (b"db;dur=nan, pool;dur=inf, app;dur=1e3", None),
        (b"db;dur=5 app;dur=7", None),
        (b'db;dur=5, x;desc="open', None),
        (b"miss, cdn;desc=HIT", None),
        (b"", None),
        (b"db;dur=5," + b" " * 5000, None),
    ],
)
def test_what_others_write_is_read_as_far_as_it_is_known(value: bytes, timing: ServerTiming | None) -> None:
    found = parse(value)
    assert (found is None) == (timing is None)
    for is_, should in zip(found or (), timing or (), strict=True):
        assert is_ == (pytest.approx(should) if isinstance(should, float) else should)


@pytest.mark.parametrize("part", [" ", ";", ",", "a;", 'a;b="', '"\\', "a,", "\t;"])
def test_a_hostile_header_is_looked_at_once(part: str) -> None:
    assert parse((part * 4096)[:4096].encode()) is None
