"""What tests of streams share: a user of one in the probe's process, and a server that is told what to do."""

import base64
import hashlib
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PROBE = Path(__file__).with_name("stream_probe.py")

Step = bytes | float | str
"""Bytes are sent, a number is slept, "accept" agrees to a WebSocket, "read" waits for bytes and keeps them, "close"
closes, "reset" resets."""

Hold = Callable[..., dict[str, Any]]


@contextmanager
def probing() -> Iterator[Hold]:
    """Holds streams in the probe's process."""
    probe = subprocess.Popen([sys.executable, "-P", PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def hold(base: str, kind: str, steps: Sequence[Any], url: str = "/live", **more: Any) -> dict[str, Any]:
        assert probe.stdin is not None
        assert probe.stdout is not None
        options = more.pop("options", {})
        probe.stdin.write(
            json.dumps({"base": base, "kind": kind, "url": url, "open": more, "steps": steps, **options}) + "\n"
        )
        probe.stdin.flush()
        return json.loads(probe.stdout.readline())

    try:
        yield hold
    finally:
        probe.communicate()


def routes(outcome: dict[str, Any]) -> list[tuple[str, str | None]]:
    """What was counted, in order: the route and the failure."""
    return [(told["route"], told["error"]) for told in outcome["told"]]


class Scripted:
    """Carries out a script on each connection, one after another; keeps the head and the bytes of each."""

    def __init__(self, *scripts: Sequence[Step], tls: ssl.SSLContext | None = None) -> None:
        self._scripts = iter(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        if tls is not None:
            self._listener = tls.wrap_socket(self._listener, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.heads: list[str] = []
        self.read = b""
        self._ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with suppress(OSError):
            # Closed alone, it would go on listening for as long as a thread waits in accept().
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._serve(connection, script)
                except OSError:
                    continue

    def _serve(self, connection: socket.socket, script: Sequence[Step]) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(1)
            if not piece:
                return
            head += piece
        self.heads.append(head.decode())
        if self._carry_out(connection, head, script):
            self._wait_out(connection)

    def _carry_out(self, connection: socket.socket, head: bytes, script: Sequence[Step]) -> bool:
        """Whether the connection is left open."""
        for step in script:
            if isinstance(step, bytes):
                connection.sendall(step)
            elif isinstance(step, float | int):
                self._ended.wait(step)  # the server's slowness is the point
            elif step == "accept":
                connection.sendall(accepting(head))
            elif step == "read":
                self.read += connection.recv(65536)
            else:
                if step == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                return False
        return True

    def _wait_out(self, connection: socket.socket) -> None:
        """Until the client closes, too, or the test is over."""
        connection.settimeout(0.05)
        while not self._ended.is_set():
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                return
            self.read += piece


def accepting(head: bytes) -> bytes:
    """The answer that a WebSocket is opened with."""
    key = next(
        line.partition(b":")[2].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
    )
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """One frame of a server's."""
    length = len(payload)
    size = (
        bytes([length])
        if length < 126
        else b"\x7e" + length.to_bytes(2)
        if length < 65536
        else b"\x7f" + length.to_bytes(8)
    )
    return bytes([(0x80 if fin else 0) | opcode]) + size + payload


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    until = time.monotonic() + 10
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)
