"""Why a route of the reference API got worse, by two runs of it, one of them with a known fault."""

import re
from pathlib import Path

import pytest
from tailgate_loadtest.judge.regression.why.causes import causes
from tailgate_loadtest.judge.regression.why.comparable import LEAST
from tailgate_loadtest.judge.regression.why.evidence import Evidence, evidence
from tailgate_loadtest.judge.regression.why.spent import Request
from tailgate_loadtest.run.bundle import Bundle
from tailgate_otel import names

from tests.tailgate.conftest import Command, command_in

pytestmark = pytest.mark.xdist_group("two sides")

BY_PHONE, THREAD = "GET /api/contacts/by-phone", "GET /api/conversations/{conversation_id}/messages"
STEADY = "name: steady\nwarmup: 1s\nstages: [{duration: 6s, rate: 12}]\nusers: 100\n"
# Taken by the interpreter before the service starts: three slow queries on one route, a pause on another.
FAULTS = """
import asyncio
import sys

if "tailgate_service" in sys.orig_argv:
    from tailgate_service.store.parallel.contacts import ParallelContacts
    from tailgate_service.store.parallel.conversations import ParallelConversations

    card, thread = ParallelContacts.card, ParallelConversations.thread

    async def slow_card(self, *given):
        for _ in range(3):
            await self._pool.fetchval("select pg_sleep($1)", 0.05)
        return await card(self, *given)

    async def slow_thread(self, *given, **more):
        await asyncio.sleep(0.15)
        return await thread(self, *given, **more)

    ParallelContacts.card, ParallelConversations.thread = slow_card, slow_thread
"""
FAULT = FAULTS[: FAULTS.index("await self._pool")].count("\n") + 1


def run(tailgate: Command) -> dict[str, Evidence]:
    # A sample of one in ten of a run of some seconds would be a handful, of which few are as long as any percentile.
    tailgate.environment |= {names.ENV_TRACES_SAMPLER: "always_on"}
    (tailgate.cwd / "steady.yaml").write_text(STEADY)
    done = tailgate.here("run", "--profile", "steady.yaml", "Caller", "Agent")
    bundle = tailgate.cwd / "runs" / "latest"
    assert (bundle / "run.json").exists(), done.stderr
    return evidence([Bundle.open(bundle)])


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Evidence], dict[str, Evidence]]:
    base = run(command_in(tmp_path_factory.mktemp("base")))
    changed = command_in(tmp_path_factory.mktemp("candidate"))
    Path(changed.cwd / "faults").mkdir()
    (changed.cwd / "faults" / "sitecustomize.py").write_text(FAULTS)
    changed.environment["PYTHONPATH"] = str(changed.cwd / "faults")
    return base, run(changed)


def test_queries_that_were_added_are_counted_and_named_with_their_place(sides):
    base, candidate = (side[BY_PHONE] for side in sides)
    counted, spent = causes("p50", base, candidate)
    statement = f"`select pg_sleep($1)` at sitecustomize.py:{FAULT}"
    # Who asks for the first time is looked up as well.
    assert re.fullmatch(r"(2\.9|3|3\.1) more queries a request \(1(\.1)? → 4(\.1)?\), all (.*)", counted)
    assert counted.endswith(f", all {statement}")
    assert spent.partition(": ")[2].startswith("database +")
    # Where the machine is busy, too few of the base's requests may be as long as its p50: then it is an average.
    assert re.search(rf"(of which|on average over \d+ and \d+ traces,) {re.escape(statement)} \+", spent), spent


def test_a_pause_of_the_application_is_the_applications(sides):
    base, candidate = (side[THREAD] for side in sides)
    (spent,) = causes("p50", base, candidate)
    assert spent.partition(": ")[2].startswith("application +")


def test_what_the_traces_say_adds_up_to_what_the_clients_saw(sides):
    base, candidate = (side[BY_PHONE] for side in sides)
    assert base.splits is not None
    assert candidate.splits is not None
    waited = candidate.splits.p50.database - base.splits.p50.database
    assert waited > 0.1  # three times 50 ms, less what the base may have waited longer

    def average(side: Evidence) -> float:
        fair = [
            sum(s for work, s in each.spent.items() if work.kind == "database") for each in side.traces if each.fair
        ]
        assert len(fair) >= LEAST
        return sorted(fair)[len(fair) // 2]

    assert average(candidate) - average(base) == pytest.approx(waited, rel=0.25)


def test_the_parts_of_every_traced_request_are_the_whole_of_it(sides):
    traced: list[Request] = [each for side in sides for route in side.values() for each in route.traces]
    assert len(traced) > 50
    for each in traced:
        assert sum(each.spent.values()) == pytest.approx(each.seconds)
    assert all(each.sites for each in traced if each.fair and sum(each.ran.values()))
