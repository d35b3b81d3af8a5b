"""What machines read of a comparison: JUnit's cases, GitLab's reports; and all the files together."""

import io
import json
import re
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from rich.console import Console
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.report.regression.gitlab import load_performance, metrics
from tailgate_loadtest.report.regression.junit import junit
from tailgate_loadtest.report.regression.terminal import comparison_table
from tailgate_loadtest.report.regression.write import write
from tailgate_otel import names

from tests.loadtest.comparisons import (
    HOSTILE,
    cell,
    comparison,
    exact,
    failing,
    hostile,
    interrupted,
    many,
    objective,
    undecided,
)

BUILDS = [comparison, failing, undecided, interrupted, hostile, many]


def cases(document) -> dict[str, ElementTree.Element]:
    return {case.get("name"): case for case in ElementTree.fromstring(junit(document)).iter("testcase")}


def bad(document) -> dict[str, str]:
    """The names of failed cases, and how."""
    return {
        name: child.tag for name, case in cases(document).items() for child in case if child.tag in ("failure", "error")
    }


@pytest.mark.parametrize("build", BUILDS)
def test_a_report_is_bad_exactly_when_the_exit_code_is(build) -> None:
    document = build()
    assert bool(bad(document)) == (document.exit_code != 0)
    root = ElementTree.fromstring(junit(document))
    assert int(root.get("failures")) == len(root.findall(".//failure"))
    assert int(root.get("errors")) == len(root.findall(".//error"))
    assert int(root.get("tests")) == len(root.findall(".//testcase"))


def test_every_blocking_cell_and_exact_finding_is_a_case() -> None:
    document = failing()
    found = cases(document)
    for each in document.cells:
        assert (f"{each.route} {each.measure}" in found) is each.blocking
    assert "GET /api/conversations queries, cold" in found
    assert "GET /api/conversations queries, load" not in found


def test_what_got_worse_is_a_failure_and_what_is_taken_on_is_none() -> None:
    found = bad(failing())
    assert found["GET /api/conversations p95"] == "failure"
    assert found["GET /api/conversations queries, warm"] == "failure"
    assert found["opening-latency"] == "failure"
    assert "POST /api/messages/send p95" not in found
    assert "send-latency" not in found


def test_a_doubt_is_an_error_and_no_failure() -> None:
    assert set(bad(undecided()).values()) == {"error"}


def test_where_doubt_does_not_stop_a_change_it_is_skipped() -> None:
    document = undecided(on_inconclusive="neutral", exit_code=0)
    assert bad(document) == {}
    assert "GET /api/conversations p95" in {n for n, c in cases(document).items() if c.find("skipped") is not None}


def test_an_interrupted_comparison_is_an_error_whatever_doubt_does() -> None:
    assert bad(interrupted(on_inconclusive="neutral")) == {"comparison": "error"}


def test_a_verdict_that_no_case_bears_is_borne_by_the_comparison_itself() -> None:
    alone = undecided(cells=tuple(comparison().cells), reasons=("the generator stood still",))
    assert bad(alone) == {"comparison": "error"}
    assert "the generator stood still" in junit(alone)


@pytest.mark.parametrize("outcome", ["fail", "inconclusive"])
def test_an_objective_that_is_not_kept_is_shown_and_fails_no_job(outcome: str) -> None:
    document = comparison(objectives=(objective(verdict=outcome),))
    assert document.exit_code == 0
    assert bad(document) == {}
    assert cases(document)["conversations-latency"].find("skipped") is not None
    assert json.loads(load_performance(document))["metrics"]["checks"]["fails"] == 0


def values(document) -> dict[tuple[str, str, str], float]:
    return {
        (
            sample.name,
            sample.labels.get(names.LABEL_ROUTE, ""),
            sample.labels.get(names.LABEL_MEASURE, ""),
        ): sample.value
        for family in text_string_to_metric_families(metrics(document))
        for sample in family.samples
    }


def test_a_metrics_report_has_the_candidates_values_and_their_change() -> None:
    found = values(failing())
    assert found[names.COMPARISON_EXIT_CODE, "", ""] == 1
    assert found[names.COMPARISON_RESPONSE_TIME, "GET /api/conversations", "p95"] == 0.1331
    assert found[names.COMPARISON_CHANGE, "GET /api/conversations", "p95"] == 0.38
    assert found[names.COMPARISON_FAILURES, "GET /api/conversations", ""] == 0.0026


def as_gitlab_reads(report: str) -> dict[str, str]:
    """Line by line, without what follows a #, split as a shell would; the first two words are name and value."""
    found = {}
    for line in report.splitlines():
        name, *rest = shlex.split(line.partition("#")[0]) or ("",)
        if rest:
            found[name] = rest[0]
    return found


def test_gitlab_reads_every_name_whole() -> None:
    found = as_gitlab_reads(metrics(failing()))
    assert found["tailgate_comparison_change_ratio{http_route=GET /api/conversations,measure=p95}"] == "0.38"
    assert as_gitlab_reads(metrics(hostile()))


@given(st.text(max_size=300))
def test_gitlab_and_prometheus_can_read_the_report_whatever_a_route_is_called(name) -> None:
    document = comparison(cells=(cell(name, "p95", 0.01), cell(name, "failures", 0.001, 0.001)))
    assert len(as_gitlab_reads(metrics(document))) == 5
    assert len(values(document)) == 5


def test_what_is_not_known_is_left_out_of_the_metrics() -> None:
    empty = cell("GET /gone", "p95", verdict="inconclusive", ratio=None, candidate=None, low=None, high=None)
    assert list(values(comparison(cells=(empty,)))) == [(names.COMPARISON_EXIT_CODE, "", "")]


def test_a_load_performance_report_has_the_keys_that_gitlab_reads() -> None:
    found = json.loads(load_performance(failing()))["metrics"]
    assert found["http_reqs"]["rate"] == pytest.approx(5 * 5188 / 240.4, rel=1e-3)
    assert found["http_req_waiting"]["p(90)"] == 50.2
    assert found["http_req_waiting"]["p(95)"] == 70.3
    # Ten measures of the same p50, p95 and failures as before fail twice; so do two counts.
    assert found["checks"] == {"passes": 13 + 1 + 1, "fails": 2 + 2 + 1}


def test_a_load_performance_report_has_no_time_that_nobody_measured() -> None:
    document = interrupted(seconds=0.0, candidate=comparison().candidate.model_copy(update={"response": None}))
    found = json.loads(load_performance(document))["metrics"]
    assert "http_req_waiting" not in found
    assert found["http_reqs"] == {"count": 0, "rate": 0}


@pytest.mark.parametrize("build", BUILDS)
def test_all_files_are_written_and_are_the_same_each_time(build, tmp_path: Path) -> None:
    page = write(tmp_path, build())
    assert page == tmp_path / "report.html"
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    expected = {"report.html", "summary.md", "comment.md", "junit.xml", "metrics.txt", "load-performance.json"}
    assert set(first) == expected
    write(tmp_path, build())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def with_numbers(tree: Any, number: float) -> Any:
    """The same document with every number that is measured or decided replaced."""
    if isinstance(tree, dict):
        return {key: with_numbers(each, number) for key, each in tree.items()}
    if isinstance(tree, list):
        return [with_numbers(each, number) for each in tree]
    if isinstance(tree, bool) or not isinstance(tree, int | float):
        return tree
    return int(number) if isinstance(tree, int) else number


@pytest.mark.parametrize("number", [0, -1, 1e15, -1e15, 1e-300, 1.0])
@pytest.mark.parametrize("build", [failing, undecided, many])
def test_no_number_is_too_odd_to_be_shown(build, number: float, tmp_path: Path) -> None:
    tree = with_numbers(json.loads(build().model_dump_json(by_alias=True)), number)
    document = ComparisonDocument.model_validate(tree)
    write(tmp_path, document)
    Console(file=io.StringIO(), width=80).print(comparison_table(document))
    for path in tmp_path.iterdir():
        assert "nan" not in re.findall(r"[a-z]+", re.sub(r"<style>.*</style>", "", path.read_text(), flags=re.DOTALL))


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be written"):
        write(tmp_path / "gone", comparison())


def test_hostile_names_stay_within_their_attributes() -> None:
    root = ElementTree.fromstring(junit(hostile()))
    assert {element.tag for element in root.iter()} <= {
        *("testsuites", "testsuite", "testcase", "properties", "property", "failure", "error", "skipped", "system-out")
    }
    assert "<script>" in HOSTILE
    assert exact().worse
