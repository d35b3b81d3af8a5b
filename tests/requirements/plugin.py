"""``pytest -p tests.requirements.plugin -m row``: writes docs/requirements.md when the tests have run."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import revision, stored
from tests.requirements.page import PAGE, Test, judged, render
from tests.requirements.rows import ROWS

_ROW = "row"
_RANKS = ("passed", "skipped", "failed")


def pytest_configure(config: pytest.Config) -> None:
    # One process writes: under xdist the one that has no tests of its own.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(PAGE))


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    # The ids travel with the reports, also from another process.
    for item in items:
        item.user_properties += [(_ROW, each) for mark in item.iter_markers(_ROW) for each in mark.args]


class Recorder:
    """Collects what becomes of each test, and writes the page at the end of a run that came to its end."""

    def __init__(self, page: Path) -> None:
        self._page = page
        self._began = revision.current()
        self._tests: dict[str, Test] = {}
        self._nameless: list[str] = []
        self._said = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test has set-up, call and tear-down: the worst of them counts."""
        rows = frozenset(str(value) for key, value in report.user_properties if key == _ROW)
        if report.failed and not rows:
            self._nameless.append(report.nodeid)
        known = self._tests.get(report.nodeid)
        outcome = max(report.outcome, known.outcome if known else "passed", key=_RANKS.index)
        self._tests[report.nodeid] = Test(file=report.nodeid.split("::")[0], rows=rows, outcome=outcome)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be read may hold tests of any row."""
        if report.failed:
            self._nameless.append(report.nodeid)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the page of all that was found, failures included, but not of a run that was broken off."""
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._said = "the tests did not come to their end"
        elif self._nameless:
            # A process of tests that dies takes along which row the test under way was of.
            self._said = f"nobody knows which row {self._nameless[0]} is of, which failed"
        else:
            self._write()

    def _write(self) -> None:
        tests, figures = list(self._tests.values()), stored.load()
        changed = ", with changes that were not committed" if self._began.changed else ""
        day = datetime.now(UTC).date().isoformat()
        ran = f"The tests ran on {day}, of {self._began.commit}{changed}."
        self._page.write_text(render(ROWS, tests, figures, ran), encoding="utf-8")
        wanting = {row.id: judged(row, tests, figures) for row in ROWS}
        self._said = "\n".join(f"{id_}: {verdict}" for id_, verdict in wanting.items() if verdict.word != "shown")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what is not shown, or why nothing was written."""
        terminalreporter.section("requirements")
        terminalreporter.line(self._said)
