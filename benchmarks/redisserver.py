"""A real Redis that can be killed, made to hang, and brought back with what it knew before."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

_WITHIN = 20.0


class RedisServer:
    """``redis-server`` on a port that stays its own, with its snapshot in a directory; ``url`` is where it is.

    Raises ``FileNotFoundError`` where the program is not installed.
    """

    def __init__(self, directory: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise FileNotFoundError("redis-server is not installed: apt-get install redis-server")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self._port}/0"
        where = ["--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(directory)]
        self._command = [program, *where, "--save", "", "--daemonize", "no"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, from its snapshot if there is one; return when it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)  # noqa: S603 - as found above
        end = time.monotonic() + _WITHIN
        while self.ask("PING") != b"+PONG\r\n":
            if time.monotonic() > end:
                raise TimeoutError("redis-server does not answer")
            time.sleep(0.02)

    def ask(self, command: str) -> bytes:
        """The first bytes that it answers to a command; none when it is not there."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=_WITHIN) as connection:
                connection.sendall(command.encode() + b"\r\n")
                return connection.recv(65536)
        except OSError:
            return b""

    def pause(self) -> None:
        """Let it hang: it takes connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once; what it has not saved is gone. A second call does nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
