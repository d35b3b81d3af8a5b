"""The metrics of a process: what they begin with, what they count, and how far they can grow."""

import gc
import shutil
import subprocess

import pytest
from asyncpg.exceptions import UniqueViolationError
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from tailgate_otel import Config, RecordedPool, create_pool, names
from tailgate_otel.guard import Guard
from tailgate_otel.histogram import MAX_SERIES
from tailgate_otel.meters import MAX_ERROR_TYPES, MAX_OPERATIONS, MAX_POOLS, MAX_ROUTES, Meters
from tailgate_otel.route import status_label

from tests.otel.metering import Single

OPERATIONS, WAITS = names.DB_OPERATION_DURATION, names.DB_POOL_WAIT
IDLE, USED = names.POOL_IDLE, names.POOL_USED


class Watched:
    """A real pool, and how many wait for it."""

    def __init__(self, pool: RecordedPool, waiting: int = 0) -> None:
        self.waiting = waiting
        self.get_size, self.get_idle_size, self.get_max_size = pool.get_size, pool.get_idle_size, pool.get_max_size
        self.is_closing = pool.is_closing


@pytest.fixture
def guard():
    return Guard()


@pytest.fixture
def meters(guard):
    config = Config(
        service_name="shop",
        thresholds={"GET /orders": 0.123, "POST /orders": 0.4},
        budgets={"DELETE /orders/{id}": 7},
        edges=(0.0042,),
    )
    return Meters(config, guard)


def page(meters: Meters) -> str:
    return "".join(meters.text(openmetrics=True)) + "# EOF\n"


def samples(meters: Meters) -> dict[tuple[str, ...], float]:
    """Name and label values, in the order in which they are written -> value."""
    return {(s.name, *s.labels.values()): s.value for family in openmetrics(page(meters)) for s in family.samples}


def series(meters: Meters, name: str) -> dict[tuple[str, ...], float]:
    """Label values -> how many were counted."""
    return {key[1:]: value for key, value in samples(meters).items() if key[0] == f"{name}_count"}


def pools(meters: Meters) -> dict[tuple[str, ...], float]:
    prefix = "db_client_connection_"
    shown = (names.DB_POOL_COUNT, names.DB_POOL_MAX, names.DB_POOL_PENDING)
    return {(k[0].removeprefix(prefix), *k[1:]): v for k, v in samples(meters).items() if k[0] in shown}


def test_what_is_known_beforehand_begins_at_0(meters):
    found = samples(meters)
    for status in ("200", "201", "500", "503"):
        assert found[f"{names.HTTP_SERVER_DURATION}_count", "POST", "/orders", status] == 0
    assert found[f"{names.HTTP_SERVER_DURATION}_count", "DELETE", "/orders/{id}", "204"] == 0
    assert found[f"{names.QUERIES_PER_REQUEST}_count", "DELETE", "/orders/{id}"] == 0
    assert found[f"{names.DB_TIME_PER_REQUEST}_count", "GET", "/orders"] == 0
    assert found[f"{names.N_PLUS_ONE}_total", "GET", "/orders"] == 0
    assert found[names.HTTP_SERVER_ACTIVE, "GET"] == 0
    for operation in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        assert found[f"{OPERATIONS}_count", "postgresql", operation, ""] == 0
    for reason in (names.KEPT_ERROR, names.KEPT_SLOW, names.KEPT_SAMPLE, names.KEPT_FORCED):
        assert found[f"{names.TRACES_KEPT}_total", reason] == found[f"{names.TRACES_OVER_CAP}_total", reason] == 0
    assert found[f"{names.SPANS_DROPPED}_total",] == found[f"{names.INSTRUMENTATION_ERRORS}_total",] == 0


@pytest.mark.parametrize("name", [names.HTTP_SERVER_DURATION, names.DB_TIME_PER_REQUEST, OPERATIONS])
def test_every_threshold_is_an_edge(meters, name):
    edges = {s.labels["le"] for f in openmetrics(page(meters)) for s in f.samples if s.name == f"{name}_bucket"}
    assert {"0.123", "0.4", "0.0042"} <= edges


def test_a_budget_is_an_edge(meters):
    assert ("tailgate_queries_per_request_bucket", "DELETE", "/orders/{id}", "7.0") in samples(meters)


def test_operations_are_counted_by_what_they_were_and_how_they_failed(meters):
    meters.operation_ended("SELECT", "", 2_000_000)
    meters.operation_ended("SELECT", "", 4_000_000)
    meters.operation_ended("INSERT", UniqueViolationError.sqlstate, 1_000_000)
    meters.operation_ended("SELECT", "TimeoutError", 10**9)
    found = samples(meters)
    assert found[f"{OPERATIONS}_count", "postgresql", "SELECT", ""] == 2
    assert found[f"{OPERATIONS}_sum", "postgresql", "SELECT", ""] == 0.006
    assert found[f"{OPERATIONS}_bucket", "postgresql", "SELECT", "", "0.0025"] == 1
    assert found[f"{OPERATIONS}_count", "postgresql", "INSERT", "23505"] == 1
    assert found[f"{OPERATIONS}_sum", "postgresql", "SELECT", "TimeoutError"] == 1


def test_waits_are_counted_by_pool(meters):
    meters.pool_waited("main", 3_000_000)
    meters.pool_waited("reports", 5_000_000)
    assert series(meters, WAITS) == {("main",): 1, ("reports",): 1}
    assert samples(meters)[f"{WAITS}_sum", "reports"] == 0.005


async def test_a_pool_is_read_when_the_metrics_are(meters, dsn):
    async with create_pool(dsn, min_size=2, max_size=4) as made:
        pool = Watched(made, waiting=3)
        meters.watch(pool, "main")
        assert series(meters, WAITS) == {("main",): 0}
        assert pools(meters) == {
            ("count", "main", IDLE): 2,
            ("count", "main", USED): 0,
            ("max", "main"): 4,
            ("pending_requests", "main"): 3,
        }
        async with made.acquire(), made.acquire(), made.acquire():
            pool.waiting = 0
            assert pools(meters) == {
                ("count", "main", IDLE): 0,
                ("count", "main", USED): 3,
                ("max", "main"): 4,
                ("pending_requests", "main"): 0,
            }


async def test_a_closed_pool_is_shown_no_more(meters, dsn):
    async with create_pool(dsn, min_size=1, max_size=1) as made:
        pool = Watched(made)
        meters.watch(pool, "main")
        assert pools(meters)
    assert pools(meters) == {}


async def test_a_pool_that_nobody_has_any_more_is_not_kept(meters, dsn):
    async with create_pool(dsn, min_size=1, max_size=1) as made:
        meters.watch(Watched(made), "main")
        gc.collect()
        assert pools(meters) == {}


async def test_pools_of_one_name_are_added_up(meters, dsn):
    async with create_pool(dsn, min_size=1, max_size=2) as made, create_pool(dsn, min_size=1, max_size=5) as more:
        kept = Watched(made, waiting=1), Watched(more, waiting=2)
        # Whoever is named twice counts once.
        for pool in (*kept, *kept):
            meters.watch(pool, "main")
        assert pools(meters) == {
            ("count", "main", IDLE): 2,
            ("count", "main", USED): 0,
            ("max", "main"): 7,
            ("pending_requests", "main"): 3,
        }


async def test_a_pool_that_cannot_be_read_costs_its_gauges_and_nothing_else(meters, guard, dsn):
    def gone() -> int:
        raise AttributeError("the connection was lost meanwhile")

    async with create_pool(dsn, min_size=1, max_size=1) as made:
        broken, whole = Watched(made), Watched(made)
        broken.get_size = gone
        meters.watch(broken, "broken")
        meters.watch(whole, "whole")
        assert {key[1] for key in pools(meters)} == {"whole"}
    assert guard.failures == 1
    assert samples(meters)[f"{names.INSTRUMENTATION_ERRORS}_total",] == 1


def test_routes_are_bounded(meters):
    templates = [meters.route(f"/made/up/{index}") for index in range(2 * MAX_ROUTES)]
    assert set(templates[: MAX_ROUTES - 2]) == {f"/made/up/{index}" for index in range(MAX_ROUTES - 2)}
    assert set(templates[MAX_ROUTES:]) == {names.OTHER_ROUTE}
    assert meters.route("/orders/{id}") == "/orders/{id}"


def test_statuses_are_bounded():
    labels = {status_label(status) for status in range(-5, 100_000)}
    assert len(labels) == 501
    assert names.OTHER_STATUS in labels


def test_operations_and_error_types_are_bounded_and_nothing_is_lost(meters):
    for index in range(500):
        meters.operation_ended(f"OPERATION{index}", "", 1)
        meters.operation_ended("SELECT", f"{index:05}", 1)
    found = series(meters, OPERATIONS)
    assert len({operation for _, operation, _ in found}) == MAX_OPERATIONS + 1
    assert len({error for _, _, error in found}) == MAX_ERROR_TYPES + 1
    assert found["postgresql", "SELECT", "00001"] == 1
    assert found["postgresql", "SELECT", names.OTHER_ERROR_TYPE] == 500 - (MAX_ERROR_TYPES - 1)
    assert found["postgresql", names.OTHER_OPERATION, ""] == 500 - (MAX_OPERATIONS - 4)
    assert sum(found.values()) == 1000


def test_pool_names_are_bounded_and_nothing_is_lost(meters):
    shards = [Single() for _ in range(3 * MAX_POOLS)]
    for index, shard in enumerate(shards):
        meters.watch(shard, f"shard{index}")
        meters.pool_waited(f"shard{index}", 1)
    waits = series(meters, WAITS)
    assert len(waits) == MAX_POOLS + 1
    assert waits[names.OTHER_POOL,] == 2 * MAX_POOLS
    assert pools(meters)["max", names.OTHER_POOL] == 2 * MAX_POOLS


def test_all_labels_together_are_bounded(meters):
    # Nobody's requests alone: every method and status on every route.
    for route in map(str, range(MAX_ROUTES)):
        for method in ("GET", "PUT", "POST", names.OTHER_METHOD):
            for status in ("200", "404", "405", "500"):
                meters.requests.observe((method, meters.route(f"/{route}"), status), 1)
    start = f"{names.HTTP_SERVER_DURATION}_count"
    lines = [line for piece in meters.requests.text(openmetrics=True) for line in piece.splitlines()]
    found = dict(line.removeprefix(start).rsplit(" ", 1) for line in lines if line.startswith(start))
    assert len(found) == MAX_SERIES + 1
    assert sum(map(int, found.values())) == MAX_ROUTES * 16
    assert max(map(int, found.values())) > 1000


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus")
def test_promtool_has_nothing_to_say_against_the_page(meters):
    for error in ("", "23505"):
        meters.operation_ended("SELECT", error, 1)
    meters.pool_waited("main", 1)
    text = "".join(meters.text(openmetrics=False))
    assert list(prometheus(text))
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
