"""What the page is written of, and when it is not written at all."""

from pathlib import Path

import pytest

from tests.requirements.plugin import Recorder

FINISHED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "requirements.md"


def report(outcome: str, *rows: str, name: str = "test_it", when: str = "call") -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=f"tests/shop/test_cart.py::{name}",
        location=("tests/shop/test_cart.py", 1, name),
        keywords={},
        outcome=outcome,
        longrepr=None,
        when=when,
        user_properties=[("row", each) for each in rows] + [("seed", 1)],
    )


def told(page: Path, *reports: pytest.TestReport) -> str:
    recorder = Recorder(page)
    for each in reports:
        recorder.pytest_runtest_logreport(each)
    recorder.pytest_sessionfinish(pytest.ExitCode.TESTS_FAILED)
    return page.read_text(encoding="utf-8")


def test_a_test_counts_once_for_each_row_that_it_carries(page):
    written = told(
        page,
        *(report("passed", "A6", "B7", when=when) for when in ("setup", "call", "teardown")),
        report("passed", "B7", name="test_that"),
    )
    assert "**Shown.** 1 test, 1 passed: `tests/shop/test_cart.py` (1)." in written
    assert "**Shown.** 2 tests, 2 passed: `tests/shop/test_cart.py` (2)." in written


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_the_worst_of_set_up_call_and_tear_down_counts(page, when, outcome):
    parts = [report(outcome if each == when else "passed", "A6", when=each) for each in ("setup", "call", "teardown")]
    assert f"1 test, 1 {outcome}: `tests/shop/test_cart.py` (1)." in told(page, *parts)


@pytest.mark.parametrize("status", [status for status in pytest.ExitCode if status not in FINISHED])
def test_of_tests_that_did_not_come_to_their_end_no_page_is_written(page, status):
    recorder = Recorder(page)
    recorder.pytest_runtest_logreport(report("passed", "A6"))
    recorder.pytest_sessionfinish(status)
    assert not page.exists()


def test_when_a_process_of_tests_died_no_page_is_written(page):
    recorder = Recorder(page)
    recorder.pytest_runtest_logreport(report("failed"))
    recorder.pytest_sessionfinish(pytest.ExitCode.TESTS_FAILED)
    assert not page.exists()


def test_when_a_file_of_tests_cannot_be_read_no_page_is_written(page):
    recorder = Recorder(page)
    recorder.pytest_collectreport(pytest.CollectReport("tests/shop/test_till.py", "failed", None, []))
    recorder.pytest_sessionfinish(pytest.ExitCode.TESTS_FAILED)
    assert not page.exists()
