"""What somebody at the dashboard waits for: its panels, an agent saved, a test call; and leads without their view.

The service is a round trip away from its database, and its voice provider takes seconds to answer anything. In a round,
the panels of the page are asked for all at once, again and again; leads are listed while their view is dropped; agents
are saved, first with a change and then as they are; and in each workspace a test call is begun.
"""

import argparse
import asyncio
import contextlib
import json
import math
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from tailgate_otel import names
from tailgate_service import relay, targets, template
from tailgate_service.postgres import cluster
from tailgate_service.process import Child
from tailgate_service.seed.config import SeedConfig

from benchmarks.figures import Raw, of_rounds
from benchmarks.stored import finish

_SEED = SeedConfig(workspaces=20, conversations=500, messages=5)
_WITHIN = 60.0
_DAY = {"today": "2025-06-01"}
_LEADS, _VIEW = "/api/analytics/leads", "view_actionable_leads"
_PANELS = (_LEADS, "/api/analytics/dashboard-pulse", "/api/analytics/recent-activity", "/api/calls-dashboard")
_AGENT, _CALL = "/api/founder-console/agent", "/api/founder-console/test-agent"

_PAGE, _PANEL, _SAVED, _AT_ONCE = 3.0, 0.5, 3.0, 0.05
"""In seconds: what the page took where it was made quick, what a panel may take, what not syncing saved at least, and
what still is at once."""
_PROVIDER = 3.5
"""Seconds that the provider takes; from 4 on it is given up."""
_SAVES = 3


def main() -> None:
    """Measure, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", type=int, default=40, help="loaded in each round, and as often leads listed")
    parser.add_argument("--rtt", type=float, default=0.1, help="seconds between service and database, there and back")
    options = parser.parse_args()
    raw = Raw("dashboard", **vars(options))
    measure = partial(_measured, options.pages, options.rtt)
    rounds = [raw.measured(str(index), measure) for index in range(options.rounds)]
    print(f"{'round':>6}{'page ms':>10}{'one by one':>12}{'no view':>10}{'failed':>8}{'saving s':>10}{'call ms':>10}")
    for index, one in enumerate(rounds):
        print(
            f"{index:6}{one['page'] * 1e3:10.1f}{one['one by one'] * 1e3:12.1f}{one['viewless'] * 1e3:10.1f}"
            f"{one['failed']:8}{one['saved']:10.2f}{one['call'] * 1e3:10.1f}"
        )
    figures = [
        of_rounds("dashboard.page_p95_ms", [one["page"] * 1e3 for one in rounds], _PAGE * 1e3),
        of_rounds("dashboard.leads_without_view_p95_ms", [one["viewless"] * 1e3 for one in rounds], _PANEL * 1e3),
        of_rounds("dashboard.leads_without_view_failed", [one["failed"] for one in rounds], 0),
        of_rounds("dashboard.unchanged_save_saves_s", [one["saved"] for one in rounds], _SAVED, ">="),
        of_rounds("dashboard.test_call_p95_ms", [one["call"] * 1e3 for one in rounds], _AT_ONCE * 1e3),
    ]
    finish(raw, figures)


def _measured(pages: int, rtt: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory, _serving(Path(directory), rtt) as served:
        return asyncio.run(_asked(served, pages))


@dataclass(frozen=True, kw_only=True)
class _Served:
    """A running service: where it is, how its database's owner connects, and the keys of its workspaces."""

    url: str
    owner_dsn: str
    keys: Sequence[str]


@contextlib.contextmanager
def _serving(place: Path, rtt: float) -> Iterator[_Served]:
    with contextlib.ExitStack() as running:
        clone = template.clone("parallel", _SEED)
        running.enter_context(clone.cluster)
        file, key = place / "targets.json", secrets.token_hex(16)
        asyncio.run(targets.write(file, clone.cluster.dsn, targets.Webhook()))
        environ = {
            names.ENV_WEBHOOK_SECRET: "benchmark",
            names.ENV_WEBHOOK_VERIFY_TOKEN: "benchmark",
            names.ENV_METRICS_PORT: "0",
            names.ENV_VOICE_KEY: key,
        }

        def child(module: str, *arguments: str) -> dict[str, Any]:
            started = Child(module, list(arguments), environ=environ, log=place / "log", within=_WITHIN)
            return running.enter_context(started).ready

        upstream = f"{cluster.HOST}:{clone.cluster.port}"
        between = child(
            "tailgate_service.relay", "--listen", f"{cluster.HOST}:0", "--upstream", upstream, "--delay", repr(rtt)
        )
        environ[names.ENV_DATABASE_URL] = clone.dsn_at(between["port"])
        print(
            f"the round trip is {asyncio.run(relay.measure(environ[names.ENV_DATABASE_URL])) * 1e3:.1f} ms", flush=True
        )
        environ[names.ENV_VOICE_URL] = child("tailgate_service.provider", "--delay", repr(_PROVIDER))["url"]
        yield _Served(
            url=child("tailgate_service")["url"],
            owner_dsn=clone.cluster.dsn,
            keys=[workspace["api_key"] for workspace in json.loads(file.read_text())["workspaces"]],
        )


async def _asked(served: _Served, pages: int) -> dict[str, float]:
    async with httpx.AsyncClient(base_url=served.url, timeout=_WITHIN) as client:

        async def panel(path: str, number: int) -> httpx.Response:
            key = served.keys[number % len(served.keys)]
            return await client.get(path, params=_DAY, headers={names.HEADER_API_KEY: key})

        async def page(number: int) -> None:
            _whole(*await asyncio.gather(*(panel(path, number) for path in _PANELS)))

        async def one_by_one(number: int) -> None:
            _whole(*[await panel(path, number) for path in _PANELS])

        async def call(number: int) -> None:
            key = {names.HEADER_API_KEY: served.keys[number]}
            _whole(await client.post(_CALL, headers=key))

        # Keys are known, and connections made, before anything counts.
        await _timed(page, len(served.keys))
        found = {
            "page": _p95(await _timed(page, pages)),
            "one by one": _p95(await _timed(one_by_one, pages)),
        }
        async with _without_view(served.owner_dsn):
            answers: list[httpx.Response] = []

            async def leads(number: int) -> None:
                answers.append(await panel(_LEADS, number))

            found["viewless"] = _p95(await _timed(leads, pages))
            found["failed"] = sum(not answer.is_success for answer in answers)
        found["saved"] = await _saved(client, served.keys[:_SAVES])
        found["call"] = _p95(await _timed(call, len(served.keys)))
        return found


async def _saved(client: httpx.AsyncClient, keys: Sequence[str]) -> float:
    """By how many seconds a save without a change is quicker than one with: the least of some workspaces."""

    async def save(key: str) -> tuple[float, str]:
        configuration = {"name": "Ada", "prompt": "Be brief.", "greeting": "Hello."}
        body = {"phone_number": f"+99900{keys.index(key):07d}", "configuration": configuration}
        headers = {names.HEADER_API_KEY: key, "if-match": "*"}
        began = time.perf_counter()
        answer = await client.put(_AGENT, json=body, headers=headers)
        _whole(answer)
        return time.perf_counter() - began, answer.json()["sync"]

    saved = []
    for key in keys:
        (changed, synced), (unchanged, left) = await save(key), await save(key)
        if (synced, left) != ("synced", "unchanged"):
            raise SystemExit(f"a save with a change was {synced}, and one without {left}")
        saved.append(changed - unchanged)
    return min(saved)


@contextlib.asynccontextmanager
async def _without_view(dsn: str) -> AsyncIterator[None]:
    """Leads' view is dropped for the length of the block; nobody needs it afterwards."""
    owner = await asyncpg.connect(dsn)  # type: ignore[no-untyped-call]
    try:
        await owner.execute(f"DROP VIEW {_VIEW}")
        yield
    finally:
        await owner.close()


async def _timed(ask: Callable[[int], Awaitable[None]], times: int) -> list[float]:
    seconds = []
    for number in range(times):
        began = time.perf_counter()
        await ask(number)
        seconds.append(time.perf_counter() - began)
    return seconds


def _p95(seconds: Sequence[float]) -> float:
    return sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]


def _whole(*answers: httpx.Response) -> None:
    for answer in answers:
        if not answer.is_success:
            raise SystemExit(f"{answer.request.url.path} was answered {answer.status_code}: {answer.text[:200]}")


if __name__ == "__main__":
    main()
