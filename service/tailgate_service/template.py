"""The template: a stopped, migrated, seeded cluster, made once, kept in a cache and copied for each run.

    <cache>/
      <key>/        one template; renamed into place when complete
        data/       the cluster's data directory
        password    of its superuser; a clone is given another at once
      <key>.lock    exclusive while it is made or removed, shared while it is copied

The key covers all that the data comes from: the migrations up to the variant's level, the seed's parameters
and program, the cluster's settings and the binaries' version. No API key in it is known to anybody.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import asyncpg

from tailgate_service.errors import ClusterError
from tailgate_service.migrations import files
from tailgate_service.migrations.runner import migrate
from tailgate_service.postgres import binaries
from tailgate_service.postgres.cluster import INITDB, USER, Cluster
from tailgate_service.seed.config import SeedConfig
from tailgate_service.seed.writer import seed

KEPT = 6
SEED_PROGRAM = Path(__file__).parent / "seed"
DATA = "data"
PASSWORD = "password"  # noqa: S105 - a file's name

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A running cluster with a copy of a template, and where that came from: ``cached`` or ``made``.

    ``password`` is that of the service's own role.
    """

    cluster: Cluster
    origin: str
    password: str = field(repr=False)

    def dsn_at(self, port: int) -> str:
        """Where the service connects, as its own role, by way of a port of 127.0.0.1."""
        return self.cluster.dsn_at(port, files.ROLE, self.password)

    @property
    def dsn(self) -> str:
        """Where the service connects."""
        return self.dsn_at(self.cluster.port)


def default_cache() -> Path:
    """Where templates are kept: of an ordinary user below its own cache, of root where only root looks."""
    if os.geteuid() == 0:
        return binaries.ROOT_CACHE / "templates"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tailgate" / "templates"


def key(variant: str, config: SeedConfig) -> str:
    """The name of the template of a variant's schema with a seed."""
    digest = hashlib.sha256()
    for migration in files.upto(variant):
        digest.update(migration.checksum.encode())
    for program in sorted(SEED_PROGRAM.glob("*.py")):
        digest.update(program.read_bytes())
    digest.update(json.dumps([asdict(config), INITDB, binaries.version()], sort_keys=True).encode())
    return digest.hexdigest()[:32]


def clone(variant: str, config: SeedConfig, cache: Path | None = None) -> Clone:
    """Start a cluster of its own with the data of a variant and a seed, making the template when there is none yet.

    A cache that cannot be written is said in the log and done without. Raises ``ClusterError``,
    ``MigrationError`` or ``SeedError``.
    """
    cache = default_cache() if cache is None else cache
    cluster = Cluster()
    try:
        origin = _fill(cluster, cache, variant, config)
        cluster.start()
        password = asyncio.run(_change_passwords(cluster))
    except BaseException:
        cluster.close()
        raise
    return Clone(cluster=cluster, origin=origin, password=password)


def _fill(cluster: Cluster, cache: Path, variant: str, config: SeedConfig) -> str:
    try:
        _open(cache)
    except OSError as error:
        log.warning("the database's template cannot be kept in %s (%s): it is made for each run", cache, error)
        _populate(cluster, variant, config)
        return "made, not kept"
    kept = cache / key(variant, config)
    with _locked(kept, fcntl.LOCK_SH):
        if kept.exists():
            _adopt(cluster, kept)
            return "cached"
    # Silence for as long looks like hanging.
    log.warning("making the data of variant %s, which can take minutes; later starts copy it from %s", variant, cache)
    with _locked(kept, fcntl.LOCK_EX):
        # Another run may have made it while this one waited.
        if not kept.exists():
            with Cluster() as source:
                _populate(source, variant, config)
                _keep(source, kept)
        _adopt(cluster, kept)
    _prune(cache)
    return "made"


def _open(cache: Path) -> None:
    """Make the cache if need be; ``OSError`` when it cannot be written or others than us can write it."""
    if cache.is_relative_to(binaries.ROOT_CACHE):
        binaries.make_root_cache()
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = cache.stat()
    ours = status.st_uid == os.geteuid() and not status.st_mode & 0o022
    if not ours or (os.geteuid() == 0 and not binaries.only_root_writes(cache)):
        raise PermissionError("others can write there")
    with tempfile.TemporaryFile(dir=cache):
        pass


@contextlib.contextmanager
def _locked(kept: Path, how: int) -> Iterator[None]:
    with kept.with_name(f"{kept.name}.lock").open("a") as lock:
        fcntl.flock(lock, how)
        yield


def _populate(cluster: Cluster, variant: str, config: SeedConfig) -> None:
    async def populate() -> None:
        # Seeded before it is tuned: an index is built quicker than it grows.
        await migrate(cluster.dsn, to=1)
        await seed(cluster.dsn, config)
        await migrate(cluster.dsn, to=files.upto(variant)[-1].version)
        connection = await asyncpg.connect(cluster.dsn)  # type: ignore[no-untyped-call]
        try:
            # What migrations wrote is known to the planner, and nobody's autovacuum comes to it in the middle of a run.
            await connection.execute("VACUUM (ANALYZE)")
        finally:
            await connection.close()

    cluster.initialise()
    cluster.start()
    asyncio.run(populate())
    cluster.stop()


def _keep(source: Cluster, kept: Path) -> None:
    making = kept.with_name(f"{kept.name}.making")
    # Of one that was killed here; the lock is ours.
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    copied = subprocess.run(  # noqa: S603 - paths of ours
        ["cp", "--archive", "--reflink=auto", source.data, making / DATA],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
    )
    if copied.returncode != 0:
        shutil.rmtree(making, ignore_errors=True)
        raise ClusterError(f"the database's template cannot be kept in {kept.parent}: {copied.stderr.strip()}")
    (making / PASSWORD).write_text(source.password)
    making.rename(kept)


def _adopt(cluster: Cluster, kept: Path) -> None:
    # Its time says when it was last of use.
    os.utime(kept)
    cluster.adopt(kept / DATA, (kept / PASSWORD).read_text())


def _prune(cache: Path) -> None:
    """Remove all but the templates used last; one that is being copied stays."""
    templates = [path for path in cache.iterdir() if path.is_dir() and not path.suffix]
    for path in sorted(templates, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        with contextlib.suppress(BlockingIOError), _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(path)


async def _change_passwords(cluster: Cluster) -> str:
    """Nobody who knows a template's password knows its clone's; that of the service's role comes back."""
    password, service = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    connection = await asyncpg.connect(cluster.dsn)  # type: ignore[no-untyped-call]
    try:
        await connection.execute(f"ALTER ROLE {files.ROLE} PASSWORD '{service}'")
        await connection.execute(f"ALTER ROLE {USER} PASSWORD '{password}'")
    finally:
        await connection.close()
    cluster.password = password
    return service
