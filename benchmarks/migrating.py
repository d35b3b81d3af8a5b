"""The schema taken down to its base and up again, step by step, while the service is under load.

Arrivals are due at a fixed rate, whatever becomes of those before: callers looked up, the inbox, threads, messages sent
and messages taken in. An answer that is not the one expected is a failure; response time is from the moment due. The
service serves by the variant that the schema allows, so one round sees it change down to ``sequential``, and up again.
"""

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
from tailgate_otel import names
from tailgate_service.migrations.files import upto
from tailgate_service.migrations.runner import migrate, rollback
from tailgate_service.seed.config import SeedConfig
from tailgate_service.settings import VARIANTS, Variant
from tailgate_service.stack import StackConfig, start

from benchmarks.figures import Raw, of_rounds
from benchmarks.stored import finish

_RATE = 50.0
_SLOWEST_P99 = 0.5
_BACK_WITHIN = 60.0
_PATIENCE = 30.0
_PHASES = ("before", "down", "up")
_KINDS = ("caller", "inbox", "thread", "send", "intake")


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One request: what was asked, when it was due, how long it took, and what was wrong with it, if anything."""

    kind: str
    phase: str
    seconds: float
    wrong: str | None


@dataclass(kw_only=True)
class Load:
    """Requests to one service, at a rate, each noted with the phase it was due in."""

    url: str
    targets: dict[str, Any]
    rate: float = _RATE
    phase: str = "before"
    answered: list[Answered] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[httpx.AsyncClient]:
        """Load for the block, and until the last request of it is answered; what is yielded asks beside it."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
        async with (
            httpx.AsyncClient(base_url=self.url, timeout=_PATIENCE, limits=limits) as client,
            asyncio.TaskGroup() as group,
        ):
            arriving = group.create_task(self._arrive(client, group))
            yield client
            arriving.cancel()

    async def _arrive(self, client: httpx.AsyncClient, group: asyncio.TaskGroup) -> None:
        random, began = Random(1), time.perf_counter()
        for number in count():
            due = began + number / self.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            request = self._request(client, _KINDS[number % len(_KINDS)], random)
            group.create_task(self._ask(client, request, _KINDS[number % len(_KINDS)], due))

    def _request(self, client: httpx.AsyncClient, kind: str, random: Random) -> httpx.Request:
        workspace = random.choice(self.targets["workspaces"])
        key = {names.HEADER_API_KEY: workspace["api_key"]}
        conversation = random.choice(workspace["conversations"])
        phone = random.choice(workspace["phones"])
        if kind == "caller":
            return client.build_request("GET", "/api/contacts/by-phone", params={"phone": phone}, headers=key)
        if kind == "inbox":
            return client.build_request("GET", "/api/conversations", headers=key)
        if kind == "thread":
            return client.build_request("GET", f"/api/conversations/{conversation}/messages", headers=key)
        if kind == "send":
            message = {"conversation_id": conversation, "body": "Under way."}
            return client.build_request("POST", "/api/messages/send", json=message, headers=key)
        message = {
            "id": f"wamid.{random.getrandbits(64):x}",
            "timestamp": str(int(time.time())),
            "type": "text",
            "text": {"body": "Is it there yet?"},
        }
        delivery = {
            "phone_number_id": workspace["phone_number_id"],
            "message": message,
            "conversation": {"phone_number": phone},
        }
        body = json.dumps(delivery).encode()
        signature = hmac.new(self.targets["webhook"]["secret"].encode(), body, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", names.HEADER_WEBHOOK_SIGNATURE: signature}
        return client.build_request("POST", "/api/webhook/kapso", content=body, headers=headers)

    async def _ask(self, client: httpx.AsyncClient, request: httpx.Request, kind: str, due: float) -> None:
        phase, wrong = self.phase, None
        try:
            response = await client.send(request)
            if not response.is_success:
                wrong = f"{response.status_code} {response.text[:200]}"
        except httpx.HTTPError as error:
            wrong = f"{type(error).__name__} {error}"
        self.answered.append(Answered(kind=kind, phase=phase, seconds=time.perf_counter() - due, wrong=wrong))


async def down_and_up(load: Load, dsn: str, variant: Variant, still: float) -> list[str]:
    """Take everything after the base down, step by step, and up again, under ``load``; the variants seen in effect.

    ``still`` seconds pass before, after each step, and after it all.
    """
    top = upto(variant)[-1].version
    seen: list[str] = []
    async with load.running() as client:

        async def look() -> str:
            await asyncio.sleep(still)
            serving = str((await client.get("/health")).json()["variant"])
            if seen[-1:] != [serving]:
                seen.append(serving)
            return serving

        await look()
        load.phase = "down"
        for _ in range(top - 1):
            await rollback(dsn)
            await look()
        load.phase = "up"
        for version in range(2, top + 1):
            await migrate(dsn, to=version)
            await look()
        async with asyncio.timeout(_BACK_WITHIN):
            serving = await look()
            while serving != variant:
                serving = await look()
        load.phase = "after"
        await look()
    return seen


def main() -> None:
    """Measure, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--rate", type=float, default=_RATE, help="arrivals a second")
    parser.add_argument("--still", type=float, default=0.5, help="seconds between two steps")
    parser.add_argument("--variant", choices=VARIANTS[1:], default=VARIANTS[-1])
    options = parser.parse_args()
    raw = Raw("migrating", rounds=options.rounds, rate=options.rate, still=options.still, variant=options.variant)
    measure = partial(_round, options.variant, options.rate, options.still)
    rounds = [raw.measured(str(index), measure) for index in range(options.rounds)]
    print(f"{'round':>6}{'requests':>10}{'failed':>8}" + "".join(f"{phase:>14}" for phase in _PHASES))
    for index, one in enumerate(rounds):
        p99 = "".join(f"{one['p99'][phase] * 1e3:11.1f} ms" for phase in _PHASES)
        print(f"{index:6}{one['requests']:10}{one['failed']:8}{p99}   by way of {' > '.join(one['seen'])}")
        for wrong, times in one["wrong"].items():
            print(f"{'':6}{times} x {wrong}")
    figures = [of_rounds("migrating.failed_requests", [one["failed"] for one in rounds], 0.0)]
    for phase in ("down", "up"):
        p99s = [one["p99"][phase] * 1e3 for one in rounds]
        figures.append(of_rounds(f"migrating.{phase}.p99_ms", p99s, _SLOWEST_P99 * 1e3))
    finish(raw, figures)


def by_way_of(variant: Variant) -> list[str]:
    """The variants that a service goes through, from its own down to the first and back."""
    below = VARIANTS[: VARIANTS.index(variant)]
    return [variant, *reversed(below), *below[1:], variant]


def _round(variant: Variant, rate: float, still: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        config = StackConfig(variant=variant, seed=SeedConfig(), targets=Path(place) / "targets.json")
        with start(config) as stack:
            load = Load(url=stack.url, targets=json.loads(stack.targets.read_text()), rate=rate)
            seen = asyncio.run(down_and_up(load, stack.owner_dsn, variant, still))
    if seen != (way := by_way_of(variant)):
        raise SystemExit(f"the service served by way of {' > '.join(seen)}, and not of {' > '.join(way)}")
    return {
        "requests": len(load.answered),
        "failed": sum(one.wrong is not None for one in load.answered),
        "wrong": Counter(f"{one.phase} {one.kind}: {one.wrong}" for one in load.answered if one.wrong),
        "p99": {phase: _p99([one.seconds for one in load.answered if one.phase == phase]) for phase in _PHASES},
        "seen": seen,
    }


def _p99(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=100)[-1]


if __name__ == "__main__":
    main()
