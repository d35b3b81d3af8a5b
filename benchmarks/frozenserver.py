"""A server that freezes once: ``python -m benchmarks.frozenserver WORKERS TAKES FROM FOR HANG``.

It has so many workers, each of which takes so many seconds for a request, and a queue in the order of coming. FROM
seconds after its first request it freezes FOR seconds: work stands still, and whatever is asked meanwhile waits. Of
every HANG requests one is never answered; 0 for none. Who is answered when is arithmetic; no worker's own lateness adds
up. It prints its port.
"""

import asyncio
import heapq
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import uvloop

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"
_END = b"\r\n\r\n"


class Work:
    """Who is answered when. Its clock stands still while the server is frozen."""

    def __init__(self, workers: int, takes: float, frozen_from: float, frozen_for: float) -> None:
        self._free = [0.0] * workers
        self._takes = takes
        self._from = frozen_from
        self._for = frozen_for
        self._began: float | None = None

    def answered(self, now: float) -> float:
        """When a request that comes now is answered."""
        if self._began is None:
            self._began = now
        came = now - self._began
        clock = came if came < self._from else max(self._from, came - self._for)
        done = max(heapq.heappop(self._free), clock) + self._takes
        heapq.heappush(self._free, done)
        return self._began + (done if done <= self._from else done + self._for)


class _Answering(asyncio.Protocol):
    def __init__(self, work: Work, hang: int, asked: Iterator[int]) -> None:
        self._work = work
        self._hang = hang
        self._asked = asked
        self._unread = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a stream's always is one

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if not self._unread.endswith(_END):
            return
        self._unread = b""
        if self._hang and next(self._asked) % self._hang == self._hang - 1:
            return
        self._loop.call_at(self._work.answered(self._loop.time()), self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_ANSWER)


async def _serve(work: Work, hang: int) -> None:
    loop = asyncio.get_running_loop()
    asked = iter(range(sys.maxsize))
    server = await loop.create_server(lambda: _Answering(work, hang, asked), "127.0.0.1", 0, backlog=4096)
    ended = asyncio.Event()
    loop.add_reader(0, ended.set)  # whoever started this holds the other end, and writes nothing
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()


@contextmanager
def freezing(
    *, workers: int, takes: float, frozen_from: float = 0.0, frozen_for: float = 0.0, hang: int = 0
) -> Iterator[str]:
    """The address of such a server, in a process of its own."""
    numbers = [str(each) for each in (workers, takes, frozen_from, frozen_for, hang)]
    process = Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "benchmarks.frozenserver", *numbers],
        stdin=PIPE,
        stdout=PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    with process:
        try:
            if process.stdout is None:
                raise RuntimeError("the server has no pipes")
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


if __name__ == "__main__":
    numbers = [float(each) for each in sys.argv[1:]]
    uvloop.run(_serve(Work(int(numbers[0]), *numbers[1:4]), int(numbers[4])))
