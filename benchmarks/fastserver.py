"""A server that costs next to nothing: HTTP/1.1 with keep-alive, one prepared answer to everything, in its own process.

``python -m benchmarks.fastserver CORE [CERTIFICATE KEY]`` prints its port; to a line on standard input it answers how
many requests it has answered and how much processor time it has used.
"""

import asyncio
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

_BODY = json.dumps({"id": 17, "name": "Ada", "tags": ["new", "vip"], "open": True}).encode()
_ANSWER = b"".join(
    (
        b"HTTP/1.1 200 OK\r\ndate: Mon, 01 Jan 2024 00:00:00 GMT\r\nserver: fastserver\r\n",
        b"content-length: %d\r\ncontent-type: application/json\r\n\r\n" % len(_BODY),
        _BODY,
    )
)
_END = b"\r\n\r\n"
_MAKE_CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class _Answering(asyncio.Protocol):
    answered = 0

    def __init__(self) -> None:
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a stream's always is one

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        while True:
            end = data.find(_END)
            if end < 0:
                break
            end += len(_END)
            if data[0] != ord("G"):
                length = _LENGTH.search(data, 0, end)
                end += int(length[1]) if length else 0
                if len(data) < end:
                    break
            _Answering.answered += 1
            self._transport.write(_ANSWER)
            data = data[end:]
        self._unread = data


async def _serve(files: list[str]) -> None:
    context = None
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answering, "127.0.0.1", 0, ssl=context, backlog=1024)
    ended = asyncio.Event()

    def tell() -> None:
        if not os.read(0, 4096):
            ended.set()  # whoever started this is gone
            return
        times = os.times()
        print(json.dumps([_Answering.answered, times.user + times.system]), flush=True)

    loop.add_reader(0, tell)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, as seen from the process that started it."""

    url: str
    process: subprocess.Popen[str]

    def told(self) -> tuple[int, float]:
        """Requests answered and processor seconds used, until now."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the server has no pipes")
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answered, cpu = json.loads(self.process.stdout.readline())
        return answered, cpu


@contextmanager
def serving(core: int, directory: Path, *, secure: bool = False) -> Iterator[Server]:
    """A server pinned to a core; a certificate it needs is made in the directory."""
    files = _certificate(directory) if secure else []
    process = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "benchmarks.fastserver", str(core), *files],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    with process:
        try:
            if process.stdout is None:
                raise RuntimeError("the server has no pipes")
            yield Server(f"http{'s' if secure else ''}://127.0.0.1:{int(process.stdout.readline())}", process)
        finally:
            process.terminate()


def _certificate(directory: Path) -> list[str]:
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    subprocess.run(  # noqa: S603 - a fixed command
        [*_MAKE_CERTIFICATE.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return [str(certificate), str(key)]


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    uvloop.run(_serve(sys.argv[2:]))
