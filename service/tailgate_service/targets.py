"""The targets file: what a load needs to know of the database it is aimed at.

It holds secrets, so it is its owner's alone (0600), and it appears whole or not at all.
"""

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC
from pathlib import Path
from uuid import UUID

import asyncpg
from tailgate_otel import names

from tailgate_service.errors import ServiceError

SCHEMA = "tailgate/targets/v1"
PER_WORKSPACE = 200

# By the hash of the id: a sample that is the same for the same seed and prefers neither old nor new.
SAMPLES = """
SELECT
    workspaces.id,
    workspaces.phone_number_id,
    ARRAY(
        SELECT phone_digits FROM contacts WHERE workspace_id = workspaces.id ORDER BY md5(id::text) LIMIT $1
    ) AS phones,
    ARRAY(SELECT id FROM contacts WHERE workspace_id = workspaces.id ORDER BY md5(id::text) LIMIT $1) AS contacts,
    ARRAY(
        SELECT id FROM conversations WHERE workspace_id = workspaces.id ORDER BY md5(id::text) LIMIT $1
    ) AS conversations,
    ARRAY(SELECT id FROM users WHERE workspace_id = workspaces.id ORDER BY id LIMIT $1) AS users
FROM workspaces
ORDER BY workspaces.id
"""
# Of the seed, whose newest conversations are not of today: what dashboards show is.
NEWEST = "SELECT coalesce(max(last_message_at), now()) FROM conversations"
ISSUE = "UPDATE workspaces SET api_key_sha256 = $2 WHERE id = $1"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """What the provider and the service share: the signing secret and the word that verifies the address."""

    secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    verify_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Webhook":
        """What a service of this environment would share; what is not set there is new."""
        told = {"secret": names.ENV_WEBHOOK_SECRET, "verify_token": names.ENV_WEBHOOK_VERIFY_TOKEN}
        return cls(**{key: environ[name] for key, name in told.items() if environ.get(name)})


async def write(path: Path, dsn: str, webhook: Webhook) -> None:
    """Issue a new API key to each workspace, the old ones ending with it, and write all targets to ``path``.

    The database keeps the keys' SHA-256 only: this file is the one place where they can be read.
    """
    connection = await asyncpg.connect(dsn)  # type: ignore[no-untyped-call]
    try:
        rows = await connection.fetch(SAMPLES, PER_WORKSPACE)
        newest = (await connection.fetchval(NEWEST)).astimezone(UTC).date().isoformat()
        keys = {row["id"]: f"tg_{secrets.token_urlsafe(32)}" for row in rows}
        digests = [(workspace, hashlib.sha256(key.encode()).digest()) for workspace, key in keys.items()]
        async with connection.transaction():
            await connection.executemany(ISSUE, digests)
            workspaces = [_workspace(row, keys[row["id"]]) for row in rows]
            _replace(path, {"schema": SCHEMA, "today": newest, "webhook": asdict(webhook), "workspaces": workspaces})
    finally:
        await connection.close()


def _workspace(row: asyncpg.Record, key: str) -> dict[str, object]:
    return {**row, "api_key": key}


def _replace(path: Path, targets: dict[str, object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes it 0600.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ServiceError(f"{path}: the targets file cannot be written there: {error.strerror}") from error
    made = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(targets, file, default=_text)
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _text(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a targets file")
