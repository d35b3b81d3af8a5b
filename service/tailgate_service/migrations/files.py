"""The migrations as they are on disk."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from tailgate_service.errors import MigrationError

HERE = Path(__file__).parent
OUTSIDE = "-- outside a transaction"
# The role that the service logs in as; the first migration makes it.
ROLE = "tailgate_api"
# The level of each variant's schema; None is the newest.
LEVELS: dict[str, int | None] = {"sequential": 1, "parallel": 15, "readmodel": None}

_QUOTED = re.compile(r"\$\$.*?\$\$", re.DOTALL)
_ATOMIC_END = re.compile(r"\bEND;\s*$", re.MULTILINE)
_UP = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.up\.sql")


@dataclass(frozen=True, kw_only=True)
class Script:
    """One direction of a migration."""

    sql: str

    @property
    def outside(self) -> bool:
        """Whether it must run outside a transaction."""
        return self.sql.startswith(OUTSIDE)

    @property
    def statements(self) -> tuple[str, ...]:
        """Its statements, for running them one at a time; a function's body is a part of one."""
        statements, begun = [], ""
        for line in self.sql.splitlines(keepends=True):
            begun += line
            if line.rstrip().endswith(";") and _closed(begun):
                statements.append(begun.strip())
                begun = ""
        return (*statements, begun.strip()) if begun.strip() else tuple(statements)


def _closed(text: str) -> bool:
    """Whether a semicolon at the end of ``text`` stands in no function's body."""
    outside = _QUOTED.sub("", text)
    return "$$" not in outside and outside.count("BEGIN ATOMIC") <= len(_ATOMIC_END.findall(outside))


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One step of the schema, both ways."""

    version: int
    name: str
    up: Script
    down: Script

    @property
    def label(self) -> str:
        """How it is called in messages and on disk."""
        return f"{self.version:04d}_{self.name}"

    @property
    def checksum(self) -> str:
        """SHA-256 over both directions, in hexadecimal."""
        return hashlib.sha256(f"{self.up.sql}\0{self.down.sql}".encode()).hexdigest()


def load(directory: Path = HERE) -> tuple[Migration, ...]:
    """The migrations in ``directory`` by version; ``MigrationError`` for a gap, a double, a missing half."""
    found = []
    for path in sorted(directory.glob("*.up.sql")):
        parts = _UP.fullmatch(path.name)
        if parts is None:
            raise MigrationError(f"{path} is not named NNNN_name.up.sql")
        down = path.with_name(path.name.replace(".up.sql", ".down.sql"))
        if not down.exists():
            raise MigrationError(f"{path} has no way back: write {down.name}")
        up, back = Script(sql=path.read_text("utf-8")), Script(sql=down.read_text("utf-8"))
        found.append(Migration(version=int(parts["version"]), name=parts["name"], up=up, down=back))
    versions = [migration.version for migration in found]
    if versions != list(range(1, len(versions) + 1)):
        raise MigrationError(
            f"{directory}: migrations are numbered 0001, 0002, ... without gap or double, not {versions}"
        )
    return tuple(found)


def upto(variant: str) -> tuple[Migration, ...]:
    """The migrations that make up the schema of a variant."""
    if variant not in LEVELS:
        raise MigrationError(f"there is no variant {variant!r}: it is one of {', '.join(LEVELS)}")
    return load()[: LEVELS[variant]]
