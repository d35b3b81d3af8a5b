"""The interval log: written, read, read by the library's rules, and damaged."""

import io
from contextlib import suppress
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.errors import BundleError, HistogramError
from tailgate_loadtest.measure import codec
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval, LatencyLog, LogWriter, mend, read
from tailgate_loadtest.measure.kinds import Kind, tag, untag

ODD = 'GET /a,b\n"c" {id}/%20/ü\t😀'
INTERVALS = [
    Interval(0, "GET /a", Kind.RESPONSE, Histogram({5: 1, 3000: 2})),
    Interval(0, "GET /a", Kind.SERVICE, Histogram({5: 3})),
    Interval(1, ODD, Kind.FAILED, Histogram({20_000: 7})),
    Interval(0, "GET /a", Kind.RESPONSE, Histogram({3000: 1})),
    Interval(3599, "POST /b", Kind.CENSORED, Histogram({33_000: 1})),
    Interval(2, "POST /login", Kind.SETUP, Histogram({9: 1})),
]


def write(path: Path, intervals=tuple(INTERVALS)) -> Path:
    with path.open("w", encoding="ascii") as file:
        writer = LogWriter(file)
        writer.begin(1_700_000_000.25, "Logged by a test")
        for each in intervals:
            writer.write(each.second, each.route, each.kind, each.histogram)
        writer.flush()
    return path


def test_what_was_written_is_read_in_order(tmp_path):
    assert list(read(write(tmp_path / "log"))) == INTERVALS


def test_the_log_is_one_by_the_rules_of_the_format(tmp_path):
    """Version 1.3: comments, a head, then Tag=, seconds since the base time, length, maximum, compressed histogram."""
    lines = write(tmp_path / "log").read_text(encoding="ascii").splitlines()
    assert lines[1] == "#[Histogram log format version 1.3]"
    assert lines[2].startswith("#[BaseTime: 1700000000.250 ")
    assert lines[3] == "#[StartTime: 1700000000.250 (seconds since epoch), 2023-11-14T22:13:20+00:00]"
    assert lines[4] == '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
    for line, interval in zip(lines[5:], INTERVALS, strict=True):
        name, start, length, most, histogram = line.split(",")
        assert name.startswith("Tag=")
        assert not set(name) & set(' ,"\t\n')
        assert (float(start), float(length)) == (interval.second, 1)
        decoded = HdrHistogram.decode(histogram)
        assert decoded.get_total_count() == interval.histogram.total
        assert float(most) == pytest.approx(decoded.get_max_value() / 1e6, abs=0.001)


def test_a_line_with_a_histogram_of_the_library_is_read(tmp_path):
    theirs = HdrHistogram(1, 3_600_000_000_000, 3)
    theirs.record_value(1_500_000, 4)
    path = tmp_path / "log"
    path.write_text(f"#[by hand]\nTag={tag('GET /a', Kind.RESPONSE)},7.000,1.000,1.5,{theirs.encode().decode()}\n")
    log = LatencyLog.load(path)
    assert log.whole("GET /a", Kind.RESPONSE).total == 4
    assert list(log.seconds("GET /a", Kind.RESPONSE)) == [7]


def test_lines_of_one_second_add_up_and_routes_can_be_taken_together(tmp_path):
    log = LatencyLog.load(write(tmp_path / "log"))
    assert log.seconds("GET /a", Kind.RESPONSE) == {0: Histogram({5: 1, 3000: 3})}
    assert log.routes == sorted(["GET /a", "POST /b", ODD])  # what is only set-up is no route
    assert log.whole(None, Kind.FAILED).total == 7
    assert log.whole(None, Kind.RESPONSE) == log.whole("GET /a", Kind.RESPONSE)
    assert log.whole("GET /nowhere", Kind.RESPONSE).total == 0


def test_asking_changes_nothing(tmp_path):
    log = LatencyLog.load(write(tmp_path / "log"))
    log.whole(None, Kind.RESPONSE).add(1)
    log.seconds(None, Kind.RESPONSE)[0].add(1)
    assert log.whole("GET /a", Kind.RESPONSE).total == 4


@given(st.text(min_size=1, max_size=30), st.sampled_from(Kind))
def test_a_tag_holds_any_route(route, kind):
    text = tag(route, kind)
    assert text.isascii()
    assert not set(text) & set(" ,\t\r\n")
    assert untag(text) == (route, kind)


def test_a_tag_of_no_known_kind_is_refused():
    with pytest.raises(HistogramError, match="names no known kind"):
        untag("latency%20GET")


def test_a_log_cut_short_is_named_by_its_line(tmp_path):
    whole = write(tmp_path / "log").read_bytes()
    start = whole.rstrip().rfind(b"\n") + 1
    for end in range(start + 1, len(whole) - 1):
        path = tmp_path / "cut"
        path.write_bytes(whole[:end])
        with pytest.raises(BundleError, match=f"^{path}:11: "):
            LatencyLog.load(path)


def test_a_log_whose_writer_was_killed_can_be_mended(tmp_path):
    whole = write(tmp_path / "log").read_bytes()
    path = tmp_path / "cut"
    for end in (len(whole) - 1, len(whole) - 30):
        path.write_bytes(whole[:end])
        assert mend(path)
        assert list(read(path)) == INTERVALS[:-1]
    path.write_bytes(whole)
    assert not mend(path)
    assert list(read(path)) == INTERVALS
    path.write_bytes(b"#[Hist")
    assert mend(path)
    assert list(read(path)) == []


@pytest.mark.parametrize(
    "line",
    [
        "1.0,1.0,2.0,HIST",
        "Tag=response%20GET,1.0,1.0,2.0",
        "Tag=response%20GET,1.0,1.0,2.0,HIST",
        f"Tag=response%20GET,soon,1.0,2.0,{codec.encode(Histogram())}",
        f"Tag=response%20GET,inf,1.0,2.0,{codec.encode(Histogram())}",
        f"Tag=response%20GET,nan,1.0,2.0,{codec.encode(Histogram())}",
        f"Tag=other%20GET,1.0,1.0,2.0,{codec.encode(Histogram())}",
        "Tag=ü,1.0,1.0,2.0,HIST",
    ],
)
def test_a_damaged_line_is_refused(tmp_path, line):
    path = tmp_path / "log"
    path.write_text(f"#[ours]\n{line}\n", encoding="utf-8")
    with pytest.raises(BundleError, match=str(path)):
        LatencyLog.load(path)


@given(st.binary(max_size=100))
def test_junk_raises_a_bundle_error_or_nothing(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "junk.hlog"
    path.write_bytes(content)
    with suppress(BundleError):
        LatencyLog.load(path)


def test_a_log_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"nowhere.hlog: cannot be read"):
        LatencyLog.load(tmp_path / "nowhere.hlog")
    with pytest.raises(BundleError, match=r"nowhere.hlog: cannot be mended"):
        mend(tmp_path / "nowhere.hlog")


def test_nothing_is_written_for_what_is_not_there():
    file = io.StringIO()
    LogWriter(file).begin(0.0, "empty")
    assert file.getvalue().count("\n") == 5
