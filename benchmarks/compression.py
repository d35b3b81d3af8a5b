"""What compressing saves and costs: bytes of the API's lists in each coding, and the service's time for them.

The lists are asked for in every coding by turns, by a client that reads the bytes as they come. The cost is what the
service's process spends on a request more than on the same one as it is. Beside them stands each level of either coding
for a page of the inbox.
"""

import argparse
import http.client
import json
import statistics
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import brotli
from tailgate_otel import names
from tailgate_service import compression
from tailgate_service.stack import Stack, StackConfig, start

from benchmarks.figures import Raw, of_rounds
from benchmarks.stored import finish

_GOAL = 0.6
_LISTS = {
    "inbox": "/api/conversations",
    "inbox of 100": "/api/conversations?per_page=100",
    "contacts": "/api/contacts",
    "thread": "/api/conversations/{conversation}/messages",
    "leads": "/api/analytics/leads",
    "activity": "/api/analytics/recent-activity",
    "calls": "/api/calls-dashboard?today=2025-06-01",
    "hours": "/api/analytics/hourly-volume?today=2025-06-01",
    "domains": "/api/analytics/domains?today=2025-06-01",
}
_PLAIN = "identity"
_LEVELS = {"gzip": (1, 2, 3, 4, 5, 6, 9), "br": (0, 1, 2, 3, 4, 5, 6, 11)}


def main() -> None:
    """Measure, print the tables and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=100, help="of each list in each coding and round")
    options = parser.parse_args()
    raw = Raw("compression", **vars(options))
    found = raw.measured("lists", partial(_measured, options.rounds, options.requests))
    levels = raw.measured("levels", partial(_levels, found["page"].encode()))
    print(f"{'list':14}{'plain':>9}" + "".join(f"{coding:>9}{'fewer':>8}{'costs us':>10}" for coding in _LEVELS))
    figures = []
    for name, sizes in found["sizes"].items():
        plain = statistics.median(sizes[_PLAIN])
        shown = f"{name:14}{plain:9.0f}"
        for coding in _LEVELS:
            fewer = [1 - size / before for size, before in zip(sizes[coding], sizes[_PLAIN], strict=True)]
            costs = [
                spent - before
                for spent, before in zip(found["spent"][name][coding], found["spent"][name][_PLAIN], strict=True)
            ]
            shown += f"{statistics.median(sizes[coding]):9.0f}{statistics.median(fewer):8.1%}"
            shown += f"{statistics.median(costs) * 1e6:10.0f}"
            figures.append(of_rounds(f"compression.{name.replace(' ', '_')}.{coding}.fewer", fewer, _GOAL, ">="))
        print(shown)
    print(f"\na page of {len(found['page'])} bytes\n{'coding':8}{'level':>6}{'bytes':>8}{'ms':>8}")
    for coding, level, size, seconds in levels:
        print(f"{coding:8}{level:6}{size:8}{seconds * 1e3:8.3f}")
    finish(raw, figures)


def _measured(rounds: int, requests: int) -> dict[str, Any]:
    """Of each list and coding, by rounds: the mean bytes of a body, and the processor seconds of a request."""
    codings = (_PLAIN, *compression.CODINGS)
    sizes: dict[str, dict[str, list[float]]] = {name: {coding: [] for coding in codings} for name in _LISTS}
    spent: dict[str, dict[str, list[float]]] = {name: {coding: [] for coding in codings} for name in _LISTS}
    with start(StackConfig()) as stack:
        asker = _Asker(stack)
        for name in _LISTS:
            for coding in codings:
                asker.ask(name, coding, requests // 4)
        for _ in range(rounds):
            for name in _LISTS:
                for coding in codings:
                    size, seconds = asker.ask(name, coding, requests)
                    sizes[name][coding].append(size)
                    spent[name][coding].append(seconds)
        page = asker.page()
    return {"sizes": sizes, "spent": spent, "page": page}


class _Asker:
    """A client that asks for one list after another."""

    def __init__(self, stack: Stack) -> None:
        self._address = urlsplit(stack.url)
        self._process = Path(f"/proc/{stack.service_pid}")
        self._workspaces = json.loads(stack.targets.read_text("utf-8"))["workspaces"]

    def ask(self, name: str, coding: str, requests: int) -> tuple[float, float]:
        """The mean bytes of a body, and the processor time of the service for a request; by all workspaces in turn."""
        size = 0
        with closing(http.client.HTTPConnection(str(self._address.hostname), self._address.port)) as connection:
            began = self._spent()
            for workspace, conversation in islice(self._rows(), requests):
                headers = {names.HEADER_API_KEY: workspace["api_key"], "accept-encoding": coding}
                connection.request("GET", _LISTS[name].format(conversation=conversation), headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200:
                    raise SystemExit(f"{name} was answered {answer.status}: {body[:200]!r}")
                if len(body) >= compression.LEAST and answer.headers.get("content-encoding", _PLAIN) != coding:
                    raise SystemExit(f"{name} was asked for in {coding} and not sent so")
                size += len(body)
            return size / requests, (self._spent() - began) / requests

    def page(self) -> str:
        """A page of the inbox."""
        with closing(http.client.HTTPConnection(str(self._address.hostname), self._address.port)) as connection:
            headers = {names.HEADER_API_KEY: self._workspaces[0]["api_key"]}
            connection.request("GET", _LISTS["inbox"], headers=headers)
            return connection.getresponse().read().decode()

    def _spent(self) -> float:
        """Processor seconds of the service so far, to the nanosecond, as the scheduler counts each thread's."""
        threads = self._process.glob("task/*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def _rows(self) -> Iterator[tuple[dict[str, Any], str]]:
        for number in count():
            workspace = self._workspaces[number % len(self._workspaces)]
            conversations = workspace["conversations"]
            yield workspace, conversations[number // len(self._workspaces) % len(conversations)]


def _levels(page: bytes) -> list[tuple[str, int, int, float]]:
    """Coding, level, bytes and seconds, the least of many tries."""
    found = []
    for coding, levels in _LEVELS.items():
        for level in levels:
            best, size = float("inf"), 0
            for _ in range(50):
                began = time.perf_counter()
                if coding == "gzip":
                    size = len(zlib.compress(page, level, 31))
                else:
                    size = len(brotli.compress(page, quality=level))  # type: ignore[no-untyped-call]
                best = min(best, time.perf_counter() - began)
            found.append((coding, level, size, best))
    return found


if __name__ == "__main__":
    main()
