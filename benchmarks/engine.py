"""What a request costs: client processor seconds per request, of Tailgate's client beside Locust's and its peers.

Every client has 50 connections and asks one server, which costs next to nothing and runs on another core; each runs
alone, in turns, for some seconds. Its processor time is that of its whole process tree, user and system, between two
moments of the load at which the server has told how many requests it has answered; so nobody's start is counted, and
nobody's own count is trusted. Ours is ``tailgate run`` as anybody runs it, all recording on.

A ratio is that of two runs of one round. Peers that are not on the PATH are left out by name: hey and wrk are packages
of Debian's, k6 comes by ``go install go.k6.io/k6@latest``.
"""

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import psutil

from benchmarks.clients import CLIENTS, CONNECTIONS, ROWS, Client, Row
from benchmarks.fastserver import Server, serving
from benchmarks.figures import Figure, Raw, of_rounds
from benchmarks.stored import finish

_CLIENT_CORE, _SERVER_CORE = 0, 1
_WARM = 1.5
"""Seconds of load before the first of the two moments."""
_PATIENCE = 60.0
"""Seconds in which a client must have begun; then it never will."""
GOALS = {"get": 4.0, "post": 3.0, "tls": 3.0}
"""How many times as many requests as FastHttpUser per processor second."""


def main() -> None:
    """Measure, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    raw = Raw("engine", rounds=options.rounds, seconds=options.seconds)
    clients = [client for client in CLIENTS if client.program is None or shutil.which(client.program)]
    for client in CLIENTS:
        if client not in clients:
            print(f"without {client.name}: it is not installed", flush=True)
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as place:
        for turn in range(options.rounds):
            for row in ROWS:
                for client in clients:
                    if not client.does(row):
                        continue
                    measure = partial(_measure, row, client, Path(place), options.seconds)
                    one = raw.measured(f"{turn} {row.name} {client.name}", measure)
                    found.setdefault((row.name, client.name), []).append(one)
    finish(raw, _print(found))


def _print(found: dict[tuple[str, str], list[dict[str, float]]]) -> list[Figure]:
    print(f"\n{'':6}{'':14}{'per cpu s':>11}{'per s':>10}{'server busy':>13}{'x FastHttpUser':>16}")
    figures = []
    for (row, client), rounds in found.items():
        # Under the open model Locust has nothing to compare with; its closed one stands in.
        base = found["get" if row == "open" else row, "FastHttpUser"]
        ratios = [_per_cpu(ours) / _per_cpu(theirs) for ours, theirs in zip(rounds, base, strict=True)]
        print(
            f"{row:6}{client:14}{_median(rounds, _per_cpu):11,.0f}"
            f"{_median(rounds, lambda one: one['requests'] / one['seconds']):10,.0f}"
            f"{_median(rounds, lambda one: one['server'] / one['seconds']):13.0%}{statistics.median(ratios):16.2f}"
        )
        if client == "tailgate" and row in GOALS:
            figures.append(of_rounds(f"engine.{row}.times_fasthttpuser", ratios, GOALS[row], ">="))
    return figures


def _per_cpu(one: dict[str, float]) -> float:
    return one["requests"] / one["cpu"]


def _median(rounds: Sequence[dict[str, float]], of: Callable[[dict[str, float]], float]) -> float:
    return statistics.median(of(one) for one in rounds)


def _measure(row: Row, client: Client, place: Path, seconds: float) -> dict[str, float]:
    """Requests, the client's and the server's processor seconds, and how long that took."""
    with tempfile.TemporaryDirectory(dir=place) as made:
        directory = Path(made)
        with serving(_SERVER_CORE, directory, secure=row.secure) as server:
            log = (directory / "said").open("w+", encoding="utf-8")
            process = psutil.Popen(
                ["taskset", "-c", str(_CLIENT_CORE), *client.command(row, server.url, directory)],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=directory,
            )
            try:
                return _between(process, server, seconds)
            except psutil.NoSuchProcess:
                log.seek(0)
                raise SystemExit(f"{client.name} ended in the middle of {row.name}:\n{log.read()[-2000:]}") from None
            finally:
                log.close()
                _end(process)


def _between(process: psutil.Process, server: Server, seconds: float) -> dict[str, float]:
    began = time.monotonic()
    # Its first requests may be but a look at whether there is a server.
    while server.told()[0] < 10 * CONNECTIONS:
        if time.monotonic() - began > _PATIENCE or process.status() == psutil.STATUS_ZOMBIE:
            raise psutil.NoSuchProcess(process.pid)
        time.sleep(0.05)
    time.sleep(_WARM)
    before, first = time.perf_counter(), (*server.told(), _cpu(process))
    time.sleep(seconds)
    after, last = time.perf_counter(), (*server.told(), _cpu(process))
    requests, busy, cpu = (then - now for now, then in zip(first, last, strict=True))
    return {"requests": requests, "server": busy, "cpu": cpu, "seconds": after - before}


def _cpu(process: psutil.Process) -> float:
    """Processor seconds of a process and all its descendants, dead ones that were waited for included."""
    tree = [process, *process.children(recursive=True)]
    return float(sum(sum(each.cpu_times()[:4]) for each in tree))


def _end(process: psutil.Process) -> None:
    """End a client and whatever it has started."""
    tree = [process, *process.children(recursive=True)] if process.is_running() else []
    process.terminate()
    _, alive = psutil.wait_procs(tree, timeout=10)
    for each in alive:
        each.kill()
    process.wait()


if __name__ == "__main__":
    main()
