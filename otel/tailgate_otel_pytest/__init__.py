"""The pytest plugin: ``count_queries`` as a fixture, a budget of queries as a marker, plain asyncpg recorded.

A package of its own, because pytest imports every installed plugin at its start, and tailgate_otel only when asked for.
"""

from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tailgate_otel.testing import QueryCount

RECORDED_ASYNCPG = "tailgate_recorded_asyncpg"
BUDGET = "query_budget"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the one option."""
    parser.addini(RECORDED_ASYNCPG, "record what is opened by plain asyncpg, so that it counts", "bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker; record plain asyncpg before any test module is imported, if it was asked for."""
    config.addinivalue_line("markers", f"{BUDGET}(at_most): fail the test if it makes more database queries")
    if config.getini(RECORDED_ASYNCPG):
        from tailgate_otel.testing import recorded_asyncpg

        run = ExitStack()
        run.enter_context(recorded_asyncpg())
        config.add_cleanup(run.close)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Hold a test, without its fixtures, to its budget."""
    marker = item.get_closest_marker(BUDGET)
    if marker is None:
        return (yield)
    from tailgate_otel.testing import count_queries

    if len(marker.args) != 1 or marker.kwargs:
        raise pytest.UsageError(f"{item.nodeid}: {BUDGET} takes one number, as in @pytest.mark.{BUDGET}(2)")
    with count_queries() as counted:
        yield
    over = counted.over(marker.args[0])
    if over:
        pytest.fail(over, pytrace=False)
    return None


@pytest.fixture
def count_queries() -> "Callable[..., QueryCount]":
    """Open a block in which queries are counted: what tailgate_otel.testing has under this name."""
    from tailgate_otel import testing

    return testing.count_queries
