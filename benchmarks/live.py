"""The real-time inbox under load: how late each event is, whether any is missed or comes twice, and what a cut does.

Subscribers, half by WebSocket and half by server-sent events, follow the seed's workspaces, while messages are sent to
them by the API at a steady rate, each on its own beat. A message bears the moment at which its sending was due, and an
event is late from that moment on: what the service needs to write it counts, and so does a backlog. In the middle, half
of the connections are killed without a farewell, within two seconds, and come back with the last number they saw; what
was sent meanwhile is late by the time they were away. What comes within two seconds of a kill counts with all else, and
is shown apart as well.

    python -m benchmarks.live

Subscribers are a process of their own, as are service and database; the machine's two cores are shared by all four.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any

import httpx
import orjson
import uvloop
from tailgate_otel import names
from tailgate_service.seed.config import SeedConfig
from tailgate_service.stack import StackConfig, start
from websockets.asyncio.client import connect

from benchmarks.figures import Figure, Raw, of_rounds
from benchmarks.stored import finish

_LATE_MS = 250.0
_SETTLED = 2.0
"""Seconds after a kill until everybody is taken to be back."""
_DRAIN = 5.0
_SENDERS = 20
_KILLING = 2.0
"""Seconds within which connections are killed, one after another."""
_DATA = b"data: "


def main() -> None:
    """Measure, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=500)
    parser.add_argument("--workspaces", type=int, default=20)
    parser.add_argument("--rate", type=float, default=100.0, help="messages per second, of all workspaces")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--variant", default="parallel")
    options = parser.parse_args()
    raw = Raw("live", **vars(options))
    heads = (("round", 6), ("delivered", 11), ("p50 ms", 9), ("p95", 8), ("p99", 8), ("worst", 8), ("resumed p95", 13))
    print("".join(f"{head:>{width}}" for head, width in (*heads, ("missed", 8), ("twice", 7))))
    rounds = []
    for index in range(options.rounds):
        one = raw.measured(f"round {index}", lambda: _round(options))
        rounds.append(one)
        print(
            f"{index:6}{one['delivered']:11}{one['p50']:9.1f}{one['p95']:8.1f}{one['p99']:8.1f}{one['worst']:8.1f}"
            f"{one['resumed_p95']:13.1f}{one['missed']:8}{one['twice']:7}"
        )
    print(f"\nprocessor time of the service: {statistics.median(one['cpu'] for one in rounds):.2f} cores")
    figures = [of_rounds("live.delivery_p95_ms", [one["p95"] for one in rounds], _LATE_MS)]
    for name in ("missed", "twice", "unsent"):
        total = float(sum(one[name] for one in rounds))
        figures.append(Figure(name=f"live.{name}", value=total, low=total, high=total, goal=0))
    finish(raw, figures)


def _round(options: argparse.Namespace) -> dict[str, Any]:
    """One service, its subscribers and its load, from the start to the end."""
    seed = SeedConfig(workspaces=options.workspaces, conversations=50, messages=4)
    with start(StackConfig(variant=options.variant, seed=seed)) as stack:
        targets = json.loads(stack.targets.read_text())["workspaces"]
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        followers = context.Process(target=_follow_all, args=(stack.url, targets, options, theirs), daemon=True)
        followers.start()
        # Theirs alone: should they end before they have told, we hear of it.
        theirs.close()
        try:
            return uvloop.run(_load(stack.url, stack.metrics_url, targets, options, ours))
        finally:
            followers.join(30)
            followers.kill()


# The load.


async def _load(
    url: str, metrics_url: str, targets: Sequence[dict[str, Any]], options: argparse.Namespace, followers: Connection
) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=_SENDERS, max_keepalive_connections=_SENDERS)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=10, trust_env=False) as client:
        await asyncio.to_thread(followers.recv)  # all are connected
        before = await _cpu(metrics_url)
        began = time.time() + 0.2
        count = round(options.rate * options.seconds)
        sent = await asyncio.gather(*(_send(client, targets, began + n / options.rate, n) for n in range(count)))
        spent = (await _cpu(metrics_url) - before) / (time.time() - began)
    followers.send([sum(sent[index :: len(targets)]) for index in range(len(targets))])
    told: dict[str, Any] = await asyncio.to_thread(followers.recv)
    return told | {"unsent": count - sum(sent), "cpu": spent}


async def _send(client: httpx.AsyncClient, targets: Sequence[dict[str, Any]], due: float, number: int) -> bool:
    await asyncio.sleep(due - time.time())
    workspace = targets[number % len(targets)]
    conversations = workspace["conversations"]
    try:
        answer = await client.post(
            "/api/messages/send",
            json={"conversation_id": conversations[number // len(targets) % len(conversations)], "body": repr(due)},
            headers={names.HEADER_API_KEY: workspace["api_key"]},
        )
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.CREATED


async def _cpu(metrics_url: str) -> float:
    async with httpx.AsyncClient(trust_env=False) as client:
        lines = (await client.get(metrics_url)).text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith("process_cpu_seconds_total"))


# The subscribers.


@dataclass
class _Follower:
    """One subscriber: where it begins, all that came, and how to kill its connection."""

    url: str
    workspace: dict[str, Any]
    by_socket: bool
    killed: float = 0.0
    first: int | None = None
    numbers: list[int] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    async def run(self, client: httpx.AsyncClient) -> None:
        """Follow; where it was cut off, from there on."""
        key = {names.HEADER_API_KEY: self.workspace["api_key"]}
        query = {"ticket": (await client.post("/api/live/ticket", headers=key)).json()["ticket"]}
        if self.first is not None:
            query["after"] = str(self.numbers[-1] if self.numbers else self.first)
        await (self._by_socket(query) if self.by_socket else self._by_events(query))

    def take(self, data: str | bytes) -> None:
        """One message came."""
        now = time.time()
        message = orjson.loads(data)
        if message["kind"] == "hello":
            if self.first is None:
                self.first = message["after"]
            self.connected.set()
        elif message["kind"] == "message":
            self.numbers.append(message["number"])
            late = (now - float(message["body"]["message"]["body"])) * 1e3
            (self.resumed if now - self.killed < _SETTLED else self.late).append(late)

    async def _by_socket(self, query: dict[str, str]) -> None:
        url = str(httpx.URL(self.url + "/api/live", params=query)).replace("http", "ws", 1)
        async with connect(url, compression=None, proxy=None, close_timeout=0.1) as socket:
            try:
                async for message in socket:
                    self.take(message)
            finally:
                socket.transport.abort()

    async def _by_events(self, query: dict[str, str]) -> None:
        url = httpx.URL(self.url + "/api/live/events", params=query)
        reader, writer = await asyncio.open_connection(url.host, url.port, limit=1 << 20)
        try:
            writer.write(b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % url.raw_path)
            # An event is one chunk, so that its lines are whole; those of chunks and heads begin otherwise.
            async for line in reader:
                if line.startswith(_DATA):
                    self.take(line.removeprefix(_DATA))
        finally:
            writer.transport.abort()


def _follow_all(url: str, targets: Sequence[dict[str, Any]], options: argparse.Namespace, load: Connection) -> None:
    uvloop.run(_following(url, targets, options, load))


async def _following(
    url: str, targets: Sequence[dict[str, Any]], options: argparse.Namespace, load: Connection
) -> None:
    each = len(targets)
    followers = [
        _Follower(url=url, workspace=targets[n % each], by_socket=n // each % 2 == 0)
        for n in range(options.subscribers)
    ]
    async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
        for follower in followers:
            # One after another: what it costs to come is not measured here.
            follower.task = asyncio.create_task(follower.run(client))
            connected = asyncio.create_task(follower.connected.wait())
            await asyncio.wait([follower.task, connected], return_when=asyncio.FIRST_COMPLETED)
            if not connected.done():
                follower.task.result()
                raise RuntimeError("a subscriber's connection ended before it was greeted")
        load.send("connected")
        # Of every workspace, and by either way.
        half = [one for n, one in enumerate(followers) if n // each % 4 < 2]
        killing = asyncio.create_task(_kill(half, client, options.seconds / 2))
        sent = await asyncio.to_thread(load.recv)
        await killing
        await asyncio.sleep(_DRAIN)
        load.send(_account(followers, sent))


async def _kill(followers: Sequence[_Follower], client: httpx.AsyncClient, after: float) -> None:
    """They lose their connection without a farewell, and come back at once."""
    await asyncio.sleep(after)
    for follower in followers:
        if follower.task is None:
            continue
        follower.task.cancel()
        await asyncio.wait([follower.task])
        follower.killed = time.time()
        follower.task = asyncio.create_task(follower.run(client))
        await asyncio.sleep(_KILLING / len(followers))


def _account(followers: Sequence[_Follower], sent: Sequence[int]) -> dict[str, Any]:
    """What came of it: so many messages were sent to each workspace."""
    missed = twice = 0
    for index, follower in enumerate(followers):
        first = follower.first or 0
        missed += len(set(range(first + 1, first + sent[index % len(sent)] + 1)) - set(follower.numbers))
        # Out of order is as bad.
        twice += sum(later <= earlier for earlier, later in pairwise(follower.numbers))
    resumed = [each for follower in followers for each in follower.resumed]
    late = sorted(each for follower in followers for each in (*follower.late, *follower.resumed))
    parts = statistics.quantiles(late, n=100)
    return {
        "delivered": len(late),
        "p50": parts[49],
        "p95": parts[94],
        "p99": parts[98],
        "worst": late[-1],
        "resumed_p95": statistics.quantiles(resumed, n=100)[94] if len(resumed) > 1 else 0.0,
        "missed": missed,
        "twice": twice,
    }


if __name__ == "__main__":
    main()
