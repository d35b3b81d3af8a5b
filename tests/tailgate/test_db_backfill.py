"""``tailgate db backfill``."""

import json

import pytest
from tailgate_otel.names import ENV_DATABASE_URL
from tailgate_service.seed.config import SeedConfig
from tailgate_service.template import clone

from tests.tailgate.conftest import Command

TINY = SeedConfig(workspaces=1, conversations=5, messages=2)


@pytest.mark.row("A11")
def test_it_tells_what_it_made_and_compared(tailgate: Command, templates) -> None:
    with clone("readmodel", TINY, templates).cluster as cluster:
        tailgate.environment[ENV_DATABASE_URL] = cluster.dsn
        done = tailgate.here("db", "backfill", "--json")
        assert json.loads(done.stdout) == {"made": 0, "compared": 11, "mended": 0}, done.stderr
        assert tailgate.here("db", "backfill").stdout == "made       0\ncompared   11\nmended     0\n"


def test_a_schema_without_documents_is_one_sentence(tailgate: Command, templates) -> None:
    with clone("parallel", TINY, templates).cluster as cluster:
        tailgate.environment[ENV_DATABASE_URL] = cluster.dsn
        refused = tailgate.here("db", "backfill")
    assert refused.returncode == 2
    assert "tailgate db migrate" in refused.stderr
    assert "Traceback" not in refused.stderr
