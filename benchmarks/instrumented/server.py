"""One side as a server: ``python -m benchmarks.instrumented.server SIDE ENDPOINT``, the database in the environment.

It pins itself to its core, prints its port and that of its metrics, to each line on standard input exports what is
queued and says so, and ends with that input.
"""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired

import uvicorn
import uvloop
from tailgate_otel import names

from benchmarks.instrumented.shop import application
from benchmarks.instrumented.sides import SIDES, Side, Watch

CORE = 0
POOL = 10
_ENDS_WITHIN = 15.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, as seen from the process that started it."""

    port: int
    metrics_port: int | None
    process: Popen[str]

    def cpu(self) -> float:
        """Processor seconds, user and system, of all threads that it has or has had; exact to the nanosecond.

        Linux has a clock for each process; its number is made of the process's as clock_getcpuclockid(3) makes it.
        What /proc tells is rounded to a hundredth of a second, some per cent of what is measured here.
        """
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def flush(self) -> None:
        """Have it export what is queued; returns when the receiver has it."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the server has no pipes")
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        if not self.process.stdout.readline():
            raise SystemExit("a server ended in the middle of its measurement")


@contextmanager
def serving(side: Side, dsn: str, endpoint: str) -> Iterator[Server]:
    """Such a server, on that database, which exports to that receiver."""
    process = Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "benchmarks.instrumented.server", side.name, endpoint],
        stdin=PIPE,
        stdout=PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, names.ENV_DATABASE_URL: dsn},
    )
    with process:
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the server has no pipes")
            said = process.stdout.readline()
            if not said:
                raise SystemExit(f"the server of {side.name} did not start")
            port, metrics_port = json.loads(said)
            yield Server(port, metrics_port, process)
            process.stdin.close()
            process.wait(_ENDS_WITHIN)
        except TimeoutExpired:
            raise SystemExit(f"the server of {side.name} did not end") from None
        finally:
            process.kill()


async def _serve(side: Side, dsn: str, endpoint: str) -> None:
    watch = side.watch(endpoint)
    async with watch.create_pool(dsn, min_size=POOL, max_size=POOL) as pool:
        config = uvicorn.Config(
            watch.around(application(pool)),
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",  # what the application raises, it raises on purpose
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=3600,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            print(json.dumps([listener.getsockname()[1], watch.metrics_port]), flush=True)
            obeying = asyncio.create_task(_obey(server, watch))
            await server.serve([listener])
            await obeying
    watch.close()


async def _obey(server: uvicorn.Server, watch: Watch) -> None:
    while await asyncio.to_thread(sys.stdin.readline):
        await asyncio.to_thread(watch.flush)
        print(flush=True)
    server.should_exit = True


if __name__ == "__main__":
    os.sched_setaffinity(0, {CORE})
    (chosen,) = (each for each in SIDES if each.name == sys.argv[1])
    uvloop.run(_serve(chosen, os.environ[names.ENV_DATABASE_URL], sys.argv[2]))
