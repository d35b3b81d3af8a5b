"""What the tests of more than one package need: a real, empty Postgres, a place for templates, a Prometheus's past."""

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tailgate_service.postgres.cluster import Cluster

from tests.dashboards.past import past
from tests.dashboards.servers import VERSIONS, Version

# How quick a machine is, is nothing that a test may fail for.
settings.register_profile("tailgate", deadline=None)
settings.load_profile("tailgate")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what is dear to make are run by one worker, which makes it once; others may be run by any."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and (group := _sharing(item)):
            item.add_marker(pytest.mark.xdist_group(group))


def _sharing(item: pytest.Item) -> str | None:
    """Whom a test shares it with: those of its module, where that makes something; those on its kind of database."""
    fixtures = getattr(item, "_fixtureinfo", None)
    known = fixtures.name2fixturedefs if fixtures is not None else {}
    if any(definition.scope == "module" for definitions in known.values() for definition in definitions):
        return item.nodeid.partition("::")[0]
    if "clone_of" in known and "variant" in known:
        chosen = item.callspec.params.get("variant", "") if hasattr(item, "callspec") else ""
        return f"{item.path.parent.name} {chosen}"
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that was skipped for want of something fails in CI: nothing may go untested there unseen."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"skipped, which CI does not take: {report.longreprtext}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _deaf_alone() -> Iterator[None]:
    """Where a signal is ignored, as under nohup or in the background of a script, that stays between it and us.

    What is ignored our children would ignore as well; what is handled, though by doing nothing, is as ever for them.
    """
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
    ignored = [number for number in numbers if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A running, empty cluster; ``.dsn`` is where to connect. Who makes tables in it removes them."""
    with Cluster() as cluster:
        cluster.initialise()
        cluster.start()
        yield cluster


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A cache of templates of this test run alone, shared by its workers."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "templates"


@pytest.fixture(scope="session", params=VERSIONS.values(), ids=VERSIONS)
def version(request: pytest.FixtureRequest) -> Version:
    """Each version of Prometheus that is there, one after another."""
    found: Version = request.param
    return found


@pytest.fixture(scope="session")
def past_url(version: Version, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that holds what `tests.dashboards.past` tells of."""
    with past(tmp_path_factory.mktemp("past"), version) as server:
        yield server.url
