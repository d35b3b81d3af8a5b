"""A migrated database with a little seed, and the targets that fit it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tailgate_service import targets
from tailgate_service.postgres.cluster import Cluster
from tailgate_service.seed.config import SeedConfig
from tailgate_service.template import Clone, clone

SMALL = SeedConfig(workspaces=3, conversations=60, messages=6)


@dataclass(frozen=True, kw_only=True)
class SeededDatabase:
    """A running clone; ``targets`` is the targets file's content: keys, phones, ids, and the webhook's secrets."""

    clone: Clone
    variant: str
    targets: dict[str, Any]

    @property
    def dsn(self) -> str:
        """As the service connects."""
        return self.clone.dsn

    @property
    def owner_dsn(self) -> str:
        """As whoever migrates and seeds connects, whom no policy binds."""
        return self.clone.cluster.dsn


MakeClone = Callable[[str], SeededDatabase]


@pytest.fixture(scope="session")
def clone_of(templates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeClone]:
    """``clone_of("sequential")``: a clone with the schema of a variant, another one with each call."""
    running: list[Cluster] = []

    def make(variant: str) -> SeededDatabase:
        cloned = clone(variant, SMALL, templates)
        running.append(cloned.cluster)
        path = tmp_path_factory.mktemp("targets") / "targets.json"
        asyncio.run(targets.write(path, cloned.cluster.dsn, targets.Webhook()))
        return SeededDatabase(clone=cloned, variant=variant, targets=json.loads(path.read_text()))

    yield make
    # Each takes a second to end: at once they take no longer.
    with ThreadPoolExecutor() as pool:
        list(pool.map(Cluster.close, running))


@pytest.fixture(scope="session")
def seeded_database(clone_of: MakeClone) -> SeededDatabase:
    """One clone of variant ``parallel`` for all tests of the session: each keeps to rows of its own."""
    return clone_of("parallel")
