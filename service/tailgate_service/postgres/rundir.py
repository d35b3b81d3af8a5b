"""The directory of one cluster: made where Postgres reaches it, locked while used, swept when it was left.

tailgate-pg-XXXXXXXX/   ours, 0700 (as root 0711, so that ``nobody`` can pass through to what is its own)
  lock                  held by the guardian for as long as the cluster lives
  data/  socket/        of the user Postgres runs as, 0700
  log
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tailgate_service.errors import ClusterError
from tailgate_service.postgres.binaries import Identity

PREFIX = "tailgate-pg-"
LOCK = "lock"
# A directory without a lock is being made, or its maker was killed doing so: after this many seconds the
# latter.
UNLOCKED_FOR = 3600.0
# Where to go when TMPDIR leads nowhere Postgres can be; a directory of a random name is made there.
ELSEWHERE = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108
# sun_path holds 108 bytes with the terminating zero.
LONGEST_SOCKET = 107


@dataclass(frozen=True, kw_only=True)
class RunDirectory:
    """A made and locked directory; ``lock`` is the descriptor that holds it, for the guardian to keep."""

    path: Path
    lock: int

    @property
    def data(self) -> Path:
        """The cluster's data directory."""
        return self.path / "data"

    @property
    def socket(self) -> Path:
        """The directory of the unix socket."""
        return self.path / "socket"

    @property
    def log(self) -> Path:
        """What Postgres says."""
        return self.path / "log"


def make(identity: Identity) -> RunDirectory:
    """Make and lock a directory, first sweeping those whose cluster is gone; raises ``ClusterError``."""
    base = _base(identity)
    _sweep(base)
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    # Locked under another name first: a lock file with its own name is always a held one.
    making = path / f"{LOCK}.new"
    lock = os.open(making, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    making.rename(path / LOCK)
    if identity.borrowed:
        path.chmod(0o711)
    run = RunDirectory(path=path, lock=lock)
    for place in (run.data, run.socket):
        place.mkdir(mode=0o700)
        if identity.borrowed:
            os.chown(place, identity.uid, identity.gid)
    return run


def _base(identity: Identity) -> Path:
    candidates = [Path(tempfile.gettempdir()), *ELSEWHERE]
    for base in candidates:
        if base.is_dir() and os.access(base, os.W_OK | os.X_OK) and _fits(base) and _reaches(base, identity):
            return base
    raise ClusterError(
        f"no place for the embedded Postgres among {', '.join(str(base) for base in candidates)}: "
        "set TMPDIR to a short path that is writable and that the user it runs as can pass through"
    )


def _fits(base: Path) -> bool:
    socket = base / f"{PREFIX}12345678" / "socket" / ".s.PGSQL.65535"
    return len(os.fsencode(socket)) <= LONGEST_SOCKET


def _reaches(base: Path, identity: Identity) -> bool:
    if not identity.borrowed:
        return True
    for place in (base, *base.parents):
        status = place.stat()
        shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
        if not status.st_mode & stat.S_IXOTH or shared or status.st_uid != 0:
            return False
    return True


def _sweep(base: Path) -> None:
    """Remove the directories of ours whose guardian was killed before it could."""
    for path in base.glob(f"{PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            if status.st_uid == os.geteuid() and stat.S_ISDIR(status.st_mode) and _left(path, status.st_mtime):
                shutil.rmtree(path, ignore_errors=True)


def _left(path: Path, changed: float) -> bool:
    try:
        lock = os.open(path / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return time.time() - changed > UNLOCKED_FOR
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
