"""The objectives that the golden rules are compiled from, and a Prometheus that holds a shop's past."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tailgate_slo import load

from tests.dashboards.past import past

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def golden() -> Path:
    """The directory of the golden files."""
    return GOLDEN


@pytest.fixture(scope="session")
def shop():
    """A shop's objectives: one of each measure, and one on a foreign query."""
    return load(GOLDEN / "shop.yaml")


@pytest.fixture(scope="session")
def past_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that holds what `tests.dashboards.past` tells of."""
    with past(tmp_path_factory.mktemp("past")) as server:
        yield server.url
