"""The serial probe on the reference API: a service differs from itself in nothing, and one more query is found."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from tailgate_loadtest import data
from tailgate_loadtest.judge.regression.exact.probed import compare
from tailgate_loadtest.measure.probe import Probe
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.probe import probe
from tailgate_loadtest.shapes.orders import Orders, Probing
from tailgate_loadtest.shapes.profile import find
from tailgate_service.seed.config import SeedConfig
from tailgate_service.stack import StackConfig, start

SMALL = SeedConfig(workspaces=3, conversations=60, messages=6)
SECRET = "the run's"

PATCHED = """
import sys
from tailgate_service.__main__ import main
from tailgate_service.store.parallel.{module} import {part}

once = {part}.{method}

async def twice(self, *args):
    await self._pool.fetchval("select 1")
    return await once(self, *args)

{part}.{method} = twice
sys.exit(main())
"""

Find = Callable[..., Probe]


@pytest.fixture(scope="module")
def probed(templates: Path, tmp_path_factory: pytest.TempPathFactory) -> Find:
    """Starts the service on a clone of its own, probes it and ends it."""

    def probed(variant: str = "parallel", seed: int = 1) -> Probe:
        place = tmp_path_factory.mktemp("probed")
        config = StackConfig(
            variant=variant, run_secret=SECRET, targets=place / "targets.json", seed=SMALL, cache=templates
        )
        with start(config) as stack, Interruption() as interruption:
            orders = Orders(
                locustfile=str(data.locustfile()),
                host=stack.url,
                load=find("load"),
                seed=seed,
                drain=1,
                log="",
                result="",
                targets=str(stack.targets),
                run_secret=SECRET,
            )
            return probe(orders, place / "probe.jsonl", interruption, Probing())

    return probed


@pytest.fixture(scope="module")
def parallel(probed: Find) -> Probe:
    """One probe of the variant ``parallel``."""
    return probed()


@pytest.mark.parametrize("variant", ["parallel", "readmodel"])
def test_two_clones_of_one_service_differ_in_nothing(probed, parallel, variant):
    base = parallel if variant == "parallel" else probed(variant)
    compared = compare(base, probed(variant))
    assert (compared.findings, compared.remarks, compared.reasons) == ((), (), ())
    assert all(answer.error is None for answer in base.answers)


def test_every_route_that_the_personas_ask_for_is_probed_more_than_once(parallel):
    asked = {answer.route for answer in parallel.answers if answer.phase == "warm"}
    assert len(asked) == 30
    for route in asked - {"SSE /api/live/events connect", "WS /api/live connect"}:
        assert sum(answer.route == route for answer in parallel.answers) > 4


def test_a_slower_variant_is_found_by_the_queries_of_every_route_that_asks_the_database(probed, parallel):
    sequential = probed("sequential")
    compared = compare(parallel, sequential)
    more = {finding.route for finding in compared.findings if finding.measure == "queries" and finding.blocking}
    asking = {answer.route for answer in parallel.answers if answer.queries and "/health" not in answer.route}
    assert asking <= more
    assert compared.reasons == ()
    backwards = compare(sequential, parallel)
    assert not any(finding.worse for finding in backwards.findings)


@pytest.mark.parametrize(
    ("module", "part", "method", "route"),
    [
        ("contacts", "ParallelContacts", "contact", "GET /api/contacts/{contact_id}"),
        ("conversations", "ParallelConversations", "inbox", "GET /api/conversations"),
    ],
)
def test_one_more_query_of_one_route_is_found_there_and_nowhere_else(
    probed, parallel, tmp_path, monkeypatch, module, part, method, route
):
    tmp_path.joinpath("patched_service.py").write_text(
        textwrap.dedent(PATCHED).format(module=module, part=part, method=method)
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("tailgate_service.stack.SERVICE", "patched_service")
    compared = compare(parallel, probed())
    [finding] = compared.findings
    assert (finding.route, finding.measure, finding.worse, finding.blocking) == (route, "queries", True, True)
    assert finding.requests == finding.of
    assert finding.candidate - finding.base == pytest.approx(1)
