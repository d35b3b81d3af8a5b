"""The objectives that the golden rules are compiled from."""

from pathlib import Path

import pytest
from tailgate_slo import load

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def golden() -> Path:
    """The directory of the golden files."""
    return GOLDEN


@pytest.fixture(scope="session")
def shop():
    """A shop's objectives: one of each measure, and one on a foreign query."""
    return load(GOLDEN / "shop.yaml")
