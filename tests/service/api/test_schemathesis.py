"""The API against its own description: whatever is sent, no failure, no undescribed status, no answer off its schema.

Schemathesis makes the requests up, good ones and bad ones, and runs all its checks on each answer. Here it makes some
2,000 for one variant, and of the others those that reach a store. For more, against any running service (100 examples
an operation are some 7,000 requests):

    TAILGATE_API_KEY=KEY st --config-file tests/service/api/schemathesis.toml run URL/openapi.json \
        --exclude-path /api/live/events --max-examples 100
"""

import asyncio
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from tailgate_otel import names

MODES = {"sequential": "positive", "parallel": "all", "readmodel": "positive"}
"""What is made up for each variant. What the description does not allow is refused before a store is asked, and it is
the store alone in which variants differ: one of them is asked for that."""
EXAMPLES = 3
"""For each operation and way of making requests up."""
FEWEST = {"all": 1700, "positive": 700}
WITHIN = 30.0
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def database(clone_of, variant):
    """A database of its own: contacts will be gone from it."""
    return clone_of(variant)


@pytest.fixture
def log(tmp_path) -> Path:
    return tmp_path / "service.log"


@pytest.fixture
def url(database, variant, log) -> Iterator[str]:
    """Where a service of the variant serves, a process of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    environ = kept | {
        names.ENV_DATABASE_URL: database.dsn,
        names.ENV_VARIANT: variant,
        names.ENV_WEBHOOK_SECRET: "secret",
        names.ENV_WEBHOOK_VERIFY_TOKEN: "token",
        names.ENV_METRICS_PORT: "0",
        names.ENV_POOL_SIZE: "3",
    }
    command = [sys.executable, "-P", "-m", "tailgate_service"]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            readable, _, _ = select.select([process.stdout], [], [], WITHIN)
            line = process.stdout.readline() if readable else ""
            assert line, log.read_text()
            yield json.loads(line)["url"]
        finally:
            process.kill()


def known(path: Path, targets: dict) -> Path:
    """The configuration, and conversations that are there: nothing in the API makes one that is asked for by its id."""
    conversations = json.dumps([one for workspace in targets["workspaces"] for one in workspace["conversations"]])
    half = '{ dictionary = "conversations", probability = 0.5 }'
    parameters = f'[parameters]\n"path.conversation_id" = {half}\n"body.conversation_id" = {half}\n'
    path.write_text(f"{CONFIG.read_text()}\n[dictionaries.conversations]\nvalues = {conversations}\n\n{parameters}")
    return path


@pytest.mark.timeout(600)
def test_whatever_is_sent_the_answer_is_as_described(url, variant, database, log, tmp_path):
    report = tmp_path / "report.json"
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("st"), "--config-file", known(tmp_path / "st.toml", database.targets)),
            *("run", f"{url}/openapi.json"),
            # It does not end: test_description.py reads it.
            *("--exclude-path", "/api/live/events"),
            *("--mode", MODES[variant], "--max-examples", str(EXAMPLES)),
            *("--seed", "1", "--generation-database", "none"),
            *("--continue-on-failure", "--no-color", "--report", "json", "--report-json-path", report),
        ],
        cwd=tmp_path,
        env=os.environ | {"TAILGATE_API_KEY": database.targets["workspaces"][0]["api_key"]},
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    told = done.stdout[-20_000:] + done.stderr
    assert done.returncode == 0, told
    summary = json.loads(report.read_text())
    assert summary["failures"] == [], told
    assert summary["operations"]["tested"] == summary["operations"]["selected"] == summary["operations"]["total"] - 1
    assert summary["test_cases"]["generated"] >= FEWEST[MODES[variant]]
    assert "Traceback" not in log.read_text()
    asyncio.run(nothing_is_half_written(database.owner_dsn))


async def nothing_is_half_written(dsn: str) -> None:
    """Whatever was refused left nothing, and what was taken is whole."""
    connection = await asyncpg.connect(dsn)
    try:
        for oddity in (
            "conversations c JOIN contacts k ON k.id = c.contact_id WHERE k.workspace_id <> c.workspace_id",
            "messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.workspace_id <> c.workspace_id",
            "messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.created_at > c.last_message_at",
            """conversation_tags ct JOIN tags t ON t.id = ct.tag_id JOIN conversations c ON c.id = ct.conversation_id
            WHERE t.workspace_id <> c.workspace_id""",
            "conversations c JOIN users u ON u.id = c.assigned_to WHERE u.workspace_id <> c.workspace_id",
        ):
            assert await connection.fetchval(f"SELECT count(*) FROM {oddity}") == 0, oddity
    finally:
        await connection.close()
