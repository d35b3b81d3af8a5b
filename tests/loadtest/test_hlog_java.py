"""HdrHistogram's own Java tools and we read each other's logs; golden/hlog/README.md says how they were made."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import Histogram, merged
from tailgate_loadtest.measure.hlog import Interval, LatencyLog, LogWriter, lines, read
from tailgate_loadtest.measure.kinds import Kind, tag

GOLDEN = Path(__file__).parent / "golden/hlog"
BASE = 1_700_000_000.25

ODD = "GET /items/{id}, or %"
OURS = [
    (second, route, kind) for second in range(3) for route, kind in ((ODD, Kind.RESPONSE), ("POST /ü", Kind.CENSORED))
]


def ours() -> list[Interval]:
    """What is in our golden log: each second's times are strewn evenly over the orders of magnitude."""
    made = []
    for second, route, kind in OURS:
        least, most = (1e-9, 3600.0) if kind is Kind.CENSORED else (5e-5, 60.0)
        made.append(Interval(second, route, kind, Histogram.of(np.geomspace(least, most, 500 + second).tolist())))
    return made


def told(name: str) -> list[tuple[int, int]]:
    """What their tool says of a tag: values in nanoseconds, and how many are not above each."""
    rows = re.findall(r"^ *([\d.]+) +[\d.]+ +(\d+)(?: +[\d.]+)?$", (GOLDEN / f"{name}.hgrm").read_text(), re.MULTILINE)
    return [(int(float(value)), int(count)) for value, count in rows]


def of_tag(log: Path, wanted: str | None) -> Histogram:
    """All of a tag's intervals in one."""
    return merged(line.histogram for line in lines(log) if line.tag == wanted)


@pytest.mark.parametrize(
    ("log", "wanted", "name", "total"),
    [
        ("theirs", None, "theirs.untagged", 1200),
        ("theirs", "plain", "theirs.plain", 900),
        ("theirs", tag("GET /items", Kind.RESPONSE), "theirs.response", 1500),
        ("ours", tag(ODD, Kind.RESPONSE), "ours.response", 1503),
        ("ours", tag("POST /ü", Kind.CENSORED), "ours.censored", 1503),
    ],
)
def test_their_tool_and_we_see_the_same_counts_and_percentiles_in_a_log(log, wanted, name, total):
    rows = told(name)
    assert len(rows) > 40
    assert rows[-1][1] == total
    histogram = of_tag(GOLDEN / f"{log}.hlog", wanted)
    assert histogram.total == total
    for value, count in rows:
        bucket = buckets.index(value)
        # They name a bucket by its largest value.
        assert buckets.highest(bucket) == value
        assert sum(n for each, n in histogram.counts.items() if each <= bucket) == count
        assert buckets.index(round(histogram.at_rank(count) * 1e9)) == bucket


@pytest.mark.parametrize("log", ["theirs", "ours"])
def test_their_tool_and_we_see_the_same_tags_in_a_log(log):
    listed = {line.strip() for line in (GOLDEN / f"{log}.tags").read_text().splitlines()}
    listed -= {"", "Tags found in input file:"}
    found = {line.tag or "[NO TAG (default)]" for line in lines(GOLDEN / f"{log}.hlog")}
    assert found == listed


def test_our_golden_log_is_what_we_write_today(tmp_path):
    got = tmp_path / "ours.hlog"
    with got.open("w", encoding="ascii") as file:
        writer = LogWriter(file)
        writer.begin(BASE, "Logged by tailgate")
        for each in ours():
            writer.write(each.second, each.route, each.kind, each.histogram)
    golden = GOLDEN / "ours.hlog"

    def texts(path: Path) -> list[str]:
        return [line.rpartition(",")[0] if "HIST" in line else line for line in path.read_text().splitlines()]

    # What zlib makes of a histogram may differ from release to release; what is in it may not.
    if texts(got) != texts(golden) or list(read(got)) != list(read(golden)):
        golden.with_suffix(".hlog.got").write_bytes(got.read_bytes())
        pytest.fail(f"it differs from {golden}; what was written stands beside it")
    assert list(read(golden)) == ours()


def test_our_golden_log_is_read_by_their_python_reader():
    reader = HistogramLogReader(str(GOLDEN / "ours.hlog"), HdrHistogram(1, buckets.HIGHEST, 3))
    found = list(iter(reader.get_next_interval_histogram, None))
    reader.close()
    assert reader.get_start_time_sec() == BASE
    for theirs, each in zip(found, ours(), strict=True):
        assert theirs.get_tag() == tag(each.route, each.kind)
        assert theirs.get_start_time_stamp() == (BASE + each.second) * 1000
        assert theirs.get_end_time_stamp() == (BASE + each.second + 1) * 1000
        counts: dict[int, int] = defaultdict(int)
        for item in theirs.get_recorded_iterator():
            counts[buckets.index(item.value_iterated_to)] += item.count_added_in_this_iter_step
        assert counts == each.histogram.counts


def test_lines_of_theirs_keep_their_times_and_an_empty_interval_is_empty():
    found = list(lines(GOLDEN / "theirs.hlog"))
    assert [line.start for line in found] == [0.0] * 4 + [1.0] * 4 + [2.0] * 4 + [3.0]
    assert {line.length for line in found} == {1.0}
    assert found[-1].histogram == Histogram()


def test_a_log_of_theirs_with_our_tags_is_a_runs_log(tmp_path):
    path = tmp_path / "latency.hlog"
    path.write_text("".join(kept_lines("Tag=response", "Tag=service", "#", '"')))
    log = LatencyLog.load(path)
    assert log.routes == ["GET /items"]
    assert sorted(log.seconds("GET /items", Kind.SERVICE)) == [0, 1, 2]
    assert log.whole("GET /items", Kind.RESPONSE) == of_tag(GOLDEN / "theirs.hlog", tag("GET /items", Kind.RESPONSE))


@pytest.mark.parametrize(
    ("kept", "message"),
    [("Tag=plain", "'plain' names no known kind of time"), ("0.000", "has no tag, so it is of no route")],
)
def test_a_log_of_theirs_that_is_no_runs_log_is_refused_by_name(tmp_path, kept, message):
    path = tmp_path / "latency.hlog"
    path.write_text("".join(kept_lines(kept)))
    assert len(list(lines(path))) > 0
    with pytest.raises(BundleError, match=f"^{path}:1: .*{message}"):
        LatencyLog.load(path)


@pytest.mark.parametrize("shape", [(1, 3_600_000_000, 2), (1000, 3_600_000_000_000, 3)])
def test_a_histogram_of_another_resolution_is_refused_by_name(tmp_path, shape):
    low, _, digits = shape
    path = tmp_path / "log"
    path.write_text(f"Tag=A,0.000,1.000,0.1,{HdrHistogram(*shape).encode().decode()}\n")
    with pytest.raises(
        BundleError, match=f"^{path}:1: a histogram of {digits} digits from {low}; only 3 digits from 1"
    ):
        list(lines(path))


def kept_lines(*beginnings: str) -> Iterator[str]:
    """The lines of their golden log that begin so."""
    for line in (GOLDEN / "theirs.hlog").read_text().splitlines(keepends=True):
        if line.startswith(beginnings):
            yield line
