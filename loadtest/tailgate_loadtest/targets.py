"""The targets file: what personas need to know of the service they visit. Whoever seeds the service writes it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailgate_otel.names import ENV_TARGETS

from tailgate_loadtest.errors import TargetsError

SCHEMA = "tailgate/targets/v1"
DEFAULT = Path(".tailgate/targets.json")
_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One customer of the reference API, and whom it talks to."""

    id: str
    api_key: str
    phone_number_id: str
    phones: tuple[str, ...]
    contacts: tuple[str, ...]
    conversations: tuple[str, ...]
    users: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Targets:
    """All that the reference personas need; ``today`` is the day, YYYY-MM-DD, of the newest data."""

    today: str
    workspaces: tuple[Workspace, ...]
    webhook_secret: str
    webhook_verify_token: str


def load(path: Path | None = None) -> Targets:
    """Read a targets file: the one given, else the environment's, else the one in the working directory.

    Raises:
        TargetsError: it is missing, or no targets file.
    """
    path = path or Path(os.environ.get(ENV_TARGETS) or DEFAULT)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise TargetsError(f"{path}: is larger than {_MAX_BYTES} bytes")
        raw = json.loads(path.read_bytes())
    except OSError as error:
        raise TargetsError(
            f"{path}: cannot be read: {error.strerror}; `tailgate serve` and `tailgate db seed` write a targets file"
        ) from error
    except (ValueError, RecursionError) as error:
        raise TargetsError(f"{path}: is not JSON: {error}") from error
    try:
        return _parse(raw)
    except (KeyError, TypeError, ValueError) as error:
        raise TargetsError(f"{path}: is no {SCHEMA} file: {type(error).__name__} at {error}") from error


def _parse(raw: Any) -> Targets:
    if raw["schema"] != SCHEMA:
        raise ValueError(f"schema {raw['schema']!r}")
    workspaces = tuple(
        Workspace(
            id=str(each["id"]),
            api_key=str(each["api_key"]),
            phone_number_id=str(each["phone_number_id"]),
            phones=tuple(map(str, each["phones"])),
            contacts=tuple(map(str, each["contacts"])),
            conversations=tuple(map(str, each["conversations"])),
            users=tuple(map(str, each["users"])),
        )
        for each in raw["workspaces"]
    )
    if not workspaces:
        raise ValueError("no workspaces")
    return Targets(
        today=str(raw["today"]),
        workspaces=workspaces,
        webhook_secret=str(raw["webhook"]["secret"]),
        webhook_verify_token=str(raw["webhook"]["verify_token"]),
    )
