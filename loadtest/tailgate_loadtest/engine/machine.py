"""What Linux tells of this process and the machine it runs on, by quick looks at /proc and the cgroup files.

No look raises: what a system does not have, hides or garbles is None, or is missing among several.
"""

import errno
import os
import re
import resource
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

Shortage = Literal["files", "ports"]
_SHORTAGES: dict[int | None, Shortage] = {errno.EMFILE: "files", errno.ENFILE: "files", errno.EADDRNOTAVAIL: "ports"}
_DEEPEST = 10
"""Errors within errors that are looked into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """The whole machine's processor time since it was started, all cores together, in the kernel's ticks."""

    total: int
    idle: int
    """Waiting for storage included."""
    steal: int
    """Given to other virtual machines while this one had work to do."""
    cores: int

    def since(self, earlier: Self) -> Self:
        """What was added since then."""
        return replace(
            self,
            total=self.total - earlier.total,
            idle=self.idle - earlier.idle,
            steal=self.steal - earlier.steal,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """One cgroup's share of processor time, and how often it was used up."""

    cores: float | None
    """None: not bounded."""
    throttled: float
    """Seconds without the processor because of it. Where several cores were in use it is their sum, bounded here by
    the periods in which the quota was used up."""


class Machine:
    """Looks at one tree of /proc files."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._mounts: tuple[_Mount, ...] | None = None

    def identity(self) -> str | None:
        """The same for all processes that share a kernel, and for no others."""
        return self._read("sys/kernel/random/boot_id").strip() or None

    def ticks(self) -> Ticks | None:
        """Of the whole machine, containers or not (proc_stat(5))."""
        lines = [line.split() for line in self._read("stat").splitlines() if line.startswith("cpu")]
        try:
            # user nice system idle iowait irq softirq steal; guest time, which follows, is in user and nice already.
            known = [int(field) for field in lines[0][1:9]]
            return Ticks(total=sum(known), idle=known[3] + known[4], steal=known[7], cores=len(lines) - 1)
        except (IndexError, ValueError):
            return None

    def run_delay(self) -> float | None:
        """Seconds that the main thread was ready to run and had no core, throttling included (sched-stats.rst)."""
        try:
            ran, waited = self._read("self/schedstat").split()[:2]
            # A kernel that does not count says 0 to both.
            return int(waited) / 1e9 if int(ran) else None
        except (ValueError, OverflowError):
            return None

    def quotas(self) -> dict[str, Quota]:
        """Of this process's cgroups, v1 and v2, each from its own up to the highest that can be seen, by path."""
        if self._mounts is None:
            self._mounts = tuple(_mounts(self._read("self/mountinfo")))
        found = {}
        # Read anew each time: a service manager may move a process from one group into another.
        for line in self._read("self/cgroup").splitlines():
            _, _, rest = line.partition(":")
            controllers, _, group = rest.partition(":")
            for mount in self._mounts:
                if group.startswith("/") and mount.holds(controllers):
                    quotas = ((str(directory), _quota(directory)) for directory in mount.levels(group))
                    found.update({directory: quota for directory, quota in quotas if quota})
        return found

    def open_files(self) -> int | None:
        """How many files, sockets among them, this process has open."""
        directory = self._proc / "self" / "fd"
        try:
            # Since Linux 6.2 the directory's size is their number; listing them costs a moment for each.
            return directory.stat().st_size or len(os.listdir(directory))  # noqa: PTH208 - names are not needed
        except OSError:
            return None

    def waiting_connections(self) -> int | None:
        """Closed TCP connections whose ports are held for a minute yet (TIME_WAIT), of the whole network namespace."""
        found = re.search(r"^TCP: .*\btw (\d+)", self._read("net/sockstat"), re.MULTILINE)
        return int(found[1]) if found else None

    def local_ports(self) -> int | None:
        """How many ports there are for connections to one address and port."""
        try:
            first, last = self._read("sys/net/ipv4/ip_local_port_range").split()
            return int(last) - int(first) + 1
        except ValueError:
            return None

    def _read(self, name: str) -> str:
        return _text(self._proc / name)


def files_limit() -> int | None:
    """How many files this process may have open at once; None: as many as it likes."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_here(url: str) -> bool | None:
    """Whether an address leads to this machine, or network namespace; None when it cannot be resolved."""
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError, ValueError):
        return None
    return any(map(_bindable, found))


def shortage(error: BaseException | None) -> Shortage | None:
    """What this process ran out of, where an error, or one it was raised from, says that it did."""
    for _ in range(_DEEPEST):
        if error is None:
            return None
        if kind := _SHORTAGES.get(getattr(error, "errno", None)):
            return kind
        # requests' errors hold the one they come from as their first argument, urllib3's as their reason.
        inner = getattr(error, "reason", None) or next(iter(error.args), None)
        error = error.__cause__ or (inner if isinstance(inner, BaseException) else None) or error.__context__
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mount:
    unified: bool
    root: str
    """The group that is seen at the mount point; another than the root inside some containers."""
    point: Path

    def holds(self, controllers: str) -> bool:
        """Whether groups of these controllers, "cpu,cpuacct" or none under v2, are here, and bound the processor."""
        return not controllers if self.unified else "cpu" in controllers.split(",")

    def levels(self, group: str) -> Iterator[Path]:
        """The directories of a group and those above it, as far as they are mounted."""
        inside = os.path.relpath(group, self.root)
        # A group outside of what is mounted: only what bounds everything here can be seen.
        directory = self.point if inside.startswith("..") else self.point / inside
        yield directory
        while directory != self.point:
            directory = directory.parent
            yield directory


def _mounts(mountinfo: str) -> Iterator[_Mount]:
    for line in mountinfo.splitlines():
        # "36 35 98:0 /root /point options - type source superoptions" (proc_pid_mountinfo(5))
        place, _, kind = line.partition(" - ")
        places, kinds = place.split(), kind.split()
        if len(places) < 5 or len(kinds) < 3 or kinds[0] not in ("cgroup", "cgroup2"):
            continue
        unified = kinds[0] == "cgroup2"
        if unified or "cpu" in kinds[2].split(","):
            yield _Mount(unified=unified, root=_plain(places[3]), point=Path(_plain(places[4])))


def _plain(field: str) -> str:
    """Without mountinfo's octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def _quota(directory: Path) -> Quota | None:
    lines = map(str.split, _text(directory / "cpu.stat").splitlines())
    fields = {line[0]: line[1] for line in lines if len(line) == 2}
    # v2: "max 100000" or "50000 100000", in microseconds; v1: a file for each, -1 where there is no bound.
    bound = (_text(directory / "cpu.max") or _text(directory / "cpu.cfs_quota_us")).split()
    length = bound[1] if len(bound) > 1 else _text(directory / "cpu.cfs_period_us")
    try:
        throttled = (
            int(fields["throttled_time"]) / 1e9 if "throttled_time" in fields else int(fields["throttled_usec"]) / 1e6
        )
        period = int(length or 100_000)
        cores = int(bound[0]) / period if bound and bound[0] not in ("max", "-1") else None
        most = int(fields["nr_throttled"]) * period / 1e6
    except (KeyError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return Quota(cores=cores, throttled=max(min(throttled, most), 0.0))


def _bindable(address: tuple[socket.AddressFamily, int, int, str, tuple[object, ...]]) -> bool:
    family, kind, protocol, _, where = address
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(where)  # port 0, nothing is sent; an address elsewhere cannot be bound
    except OSError:
        return False
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except (OSError, ValueError):  # ValueError: a path that cannot be one
        return ""
