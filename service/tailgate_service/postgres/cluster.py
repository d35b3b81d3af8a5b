"""One embedded Postgres: its directory, its password, its port, its life."""

import contextlib
import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tailgate_service.errors import ClusterError
from tailgate_service.postgres import binaries, rundir
from tailgate_service.postgres.guardian import Guardian

USER = "tailgate"
DATABASE = "postgres"
HOST = "127.0.0.1"
INITDB = (
    f"--username={USER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    # The same order of text on every machine, whatever locales it has.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-sync",
    "--no-instructions",
)
# A throwaway database: what a crash of the machine would lose is lost anyway, so nothing waits for the disk.
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "30min",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
INITDB_WITHIN = 60.0
READY_WITHIN = 30.0
STOPPED_WITHIN = 60.0
PORT_ATTEMPTS = 10
POLL = 0.005
LOG_LINES = 20


class Cluster:
    """A throwaway Postgres 18 that ends with this process, SIGKILL included, and takes its directory along.

    Made empty; then :meth:`initialise` or :meth:`adopt`, then :meth:`start`. ``fsync`` is off and WAL is
    minimal: this is no place for data that must survive the machine. Connections need the random password
    (scram), over TCP on 127.0.0.1 or the unix socket in a directory of its own. All methods block, and
    raise ``ClusterError``.
    """

    def __init__(self) -> None:
        self.password = secrets.token_urlsafe(24)
        self._port = 0
        identity = binaries.identity()
        run = rundir.make(identity)
        try:
            self._guardian = Guardian(run.path, run.lock, identity)
        finally:
            os.close(run.lock)
        self._run = run
        self._identity = identity
        try:
            self._bin = binaries.directory(run.path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def directory(self) -> Path:
        """What is removed at the end."""
        return self._run.path

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._run.data

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1; 0 before :meth:`start`."""
        return self._port

    @property
    def alive(self) -> bool:
        """Whether Postgres runs."""
        return self._port != 0 and self._guardian.running

    @property
    def dsn(self) -> str:
        """Where to connect, password included; no TLS, as trying it costs each connection a round trip."""
        return self.dsn_at(self._port)

    def dsn_at(self, port: int, role: str = USER, password: str | None = None) -> str:
        """The same by way of another port of 127.0.0.1, or as another role."""
        return f"postgresql://{role}:{password or self.password}@{HOST}:{port}/{DATABASE}?sslmode=disable"

    def initialise(self) -> None:
        """Make an empty cluster."""
        password = self.directory / "password"
        descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.password)
            if self._identity.borrowed:
                os.fchown(file.fileno(), self._identity.uid, self._identity.gid)
        initdb = [str(self._bin / "initdb"), "--pgdata", str(self.data), f"--pwfile={password}", *INITDB]
        try:
            self._complete(initdb, within=INITDB_WITHIN)
        finally:
            password.unlink()

    def adopt(self, data: Path, password: str) -> None:
        """Take a copy of a stopped cluster's data directory, sharing its blocks where the file system can."""
        copy = ["cp", "--archive", "--reflink=auto", f"{data}/.", str(self.data)]
        self._complete(copy, within=STOPPED_WITHIN, ours=True)
        self.password = password

    def start(self) -> None:
        """Start on a found port and return when connections are taken."""
        for _ in range(PORT_ATTEMPTS):
            port = _unused_port()
            settings = {**SETTINGS, "unix_socket_directories": str(self._run.socket), "port": str(port)}
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            self._guardian.start([str(self._bin / "postgres"), "-D", str(self.data), *options], self._run.log)
            if self._becomes_ready():
                self._port = port
                return
            # Between finding a port and taking it another process may have been quicker.
            if "Address already in use" not in self._said():
                break
        raise ClusterError(f"the embedded Postgres did not start; it said:\n{self._said()}")

    def stop(self) -> None:
        """Shut down cleanly, so that the data directory can be copied; :meth:`start` starts it again."""
        self._guardian.signal(signal.SIGINT)
        self._port = 0
        with self._in_time(STOPPED_WITHIN, "stop"):
            self._guardian.wait(STOPPED_WITHIN)

    def close(self) -> None:
        """End Postgres and remove its directory; a second call does nothing."""
        self._port = 0
        self._guardian.close()

    def _complete(self, argv: list[str], *, within: float, ours: bool = False) -> None:
        self._guardian.start(argv, self._run.log, ours=ours)
        with self._in_time(within, f"finish {Path(argv[0]).name}"):
            code = self._guardian.wait(within)
        if code != 0:
            raise ClusterError(f"{Path(argv[0]).name} ended with {code}; it said:\n{self._said()}")

    def _becomes_ready(self) -> bool:
        state = self.data / "postmaster.pid"
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            if not self._guardian.running:
                return False
            # The eighth line is the server's own word; the file is being written while we read.
            with contextlib.suppress(FileNotFoundError, IndexError):
                if state.read_text().split("\n")[7].strip() == "ready":
                    return True
            time.sleep(POLL)
        return False

    @contextlib.contextmanager
    def _in_time(self, within: float, what: str) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise ClusterError(
                f"the embedded Postgres did not {what} within {within:g} s; it said:\n{self._said()}"
            ) from error

    def _said(self) -> str:
        if not self._run.log.exists():
            return "(nothing)"
        return "\n".join(self._run.log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
