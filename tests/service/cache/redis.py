"""A real Redis that can be killed, made to hang, and brought back with what it knew before."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

WITHIN = 20.0


class RedisServer:
    """``redis-server`` on a port that stays its own, with its snapshot in a directory."""

    def __init__(self, directory: Path) -> None:
        self._program = shutil.which("redis-server")
        if self._program is None:
            pytest.skip("redis-server is not installed; apt-get install redis-server")
        self._directory = directory
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, from its snapshot if there is one; return when it answers."""
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self._directory],
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + WITHIN
        while self.ask("PING") != b"+PONG\r\n":
            assert time.monotonic() < end, "redis-server does not answer"
            time.sleep(0.02)

    def ask(self, command: str) -> bytes:
        """What it answers to a command; nothing when it is not there."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=WITHIN) as connection:
                connection.sendall(command.encode() + b"\r\n")
                return connection.recv(65536)
        except OSError:
            return b""

    def pause(self) -> None:
        """Let it hang: it takes connections and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
