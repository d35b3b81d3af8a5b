"""What ``db benchmark`` measures: layers on a real stack, queries on real schemas; small, as no time is judged here."""

from functools import cache

import asyncpg
import pytest
from tailgate_service.errors import MeasureError
from tailgate_service.measure import document, layers, queries
from tailgate_service.measure.layers import LIMIT, Measured
from tailgate_service.measure.queries import QUERIES, Compared
from tailgate_service.measure.times import times
from tailgate_service.seed.config import SeedConfig
from tailgate_service.settings import VARIANTS

from tests.service.conftest import SMALL


@pytest.fixture(scope="module")
def database_at(clone_of):
    """The database at the level of a variant's schema."""
    return cache(clone_of)


@pytest.fixture
def database(database_at, variant):
    return database_at(variant)


@pytest.mark.row("A15")
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_layer_is_measured_by_itself_and_through_the_api(templates, variant):
    found, trip = layers.measure(variant, calls=3, db_rtt=0.002, seed=SMALL, cache=templates)
    assert [(each.way, each.call) for each in found] == [(way, call) for way in layers.WAYS for call in layers.CALLS]
    assert {each.variant for each in found} == {variant}
    assert {len(each.times.seconds) for each in found} == {3}
    assert trip >= 0.002
    # One round trip lies in each, but for what the read model has in the process.
    quickest = min(min(each.times.seconds) for each in found)
    assert quickest > (0 if variant == "readmodel" else 0.002)


def test_a_call_that_fails_is_no_measurement(templates, monkeypatch):
    monkeypatch.setattr(layers, "_request", lambda call, caller: ("GET", "/api/nothing", None))
    with pytest.raises(MeasureError, match="GET /api/nothing was answered 404"):
        layers.measure("parallel", calls=1, db_rtt=0, ways=["api"], seed=SMALL, cache=templates)


@pytest.mark.row("A15")
def test_a_layer_is_kept_when_its_p95_is_below_the_limit():
    def measured(*seconds: float) -> Measured:
        return Measured(variant="parallel", way="api", call="send", times=times(seconds))

    assert measured(*[0.1] * 19, 9.0).kept
    assert not measured(*[0.1] * 18, 9.0, 9.0).kept
    assert not measured(LIMIT).kept
    shown = document.layer(measured(*[0.1] * 50))
    assert (shown["p50"], shown["p95"], shown["p99"], shown["calls"], shown["kept"]) == (0.1, 0.1, 0.1, 50, True)
    assert shown["sureness"] == pytest.approx(0.923, abs=1e-3)


@pytest.mark.row("B9")
def test_the_six_queries_find_the_same_rows_before_and_after(templates):
    found = queries.compare(2, seed=SMALL, cache=templates)
    assert [(each.query, each.named) for each in found] == [
        (query, named) for named in (False, True) for query in QUERIES
    ]
    assert {(each.rows[0] == each.rows[1], len(each.before), len(each.after)) for each in found} == {(True, 2, 2)}
    assert all(each.rows[0] > 0 for each in found)


@pytest.mark.row("B9")
def test_the_goals_are_what_the_row_says():
    assert [round(query.goal, 1) for query in QUERIES] == [3.3, 4, 50, 60, 75, 100]


@pytest.mark.row("B9")
def test_a_query_that_finds_other_rows_has_not_met_its_goal_however_quick():
    def compared(rows: tuple[int, int], after: float, *, whole: bool = True) -> Compared:
        return Compared(query=QUERIES[1], named=False, whole=whole, rows=rows, before=(4.0, 4.0, 9.0), after=(after,))

    assert compared((5, 5), 1.0).met
    assert compared((5, 5), 1.0).ratio == 4
    assert compared((5, 4), 0.1, whole=False).met is False
    assert compared((5, 5), 1.01).met is False
    assert compared((5, 5), 1.01, whole=False).met is None
    assert compared((5, 5), 1.0, whole=False).met


@pytest.mark.row("B9")
def test_a_seed_is_whole_that_is_no_smaller_than_the_one_the_goals_are_of():
    assert queries.whole(SeedConfig())
    assert not any(queries.whole(SeedConfig(**{size: 5})) for size in ("workspaces", "conversations", "messages"))


@pytest.mark.row("B9")
@pytest.mark.parametrize("variant", ["sequential", "parallel"])
@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
async def test_each_query_sees_its_workspace_alone_named_or_not(database, query):
    owner = await asyncpg.connect(database.owner_dsn)
    api = await asyncpg.connect(database.dsn)
    try:
        workspace = await owner.fetchval("SELECT id FROM workspaces ORDER BY id LIMIT 1")
        by_policy, named = query.sql(named=False), query.sql(named=True)
        assert await api.fetch(by_policy, *query.arguments) == []
        await api.execute(queries.TELL, str(workspace))
        seen = await api.fetch(by_policy, *query.arguments)
        # The owner sees all, and a week of the seed's end has no message of before.
        assert seen == await owner.fetch(named, *query.arguments, workspace)
        assert seen == await api.fetch(named, *query.arguments, workspace)
        assert seen
    finally:
        await owner.close()
        await api.close()


@pytest.mark.row("A4")
def test_the_baseline_is_a_page_that_says_where_and_when_and_how_sure():
    seconds = [number / 1000 for number in range(1, 401)]
    one = Measured(variant="sequential", way="api", call="by-phone", times=times(seconds))
    few = Measured(variant="sequential", way="api", call="send", times=times(seconds[:50]))
    page = document.baseline({0.1: [one, few]}, {0.1: 0.10021}, {"commit": "abc", "machine": "two cores"})
    assert "- commit: abc\n- machine: two cores\n" in page
    assert "| 100 (100.21) | `GET /api/contacts/by-phone` | 400 | 200.0 [180.0, 221.0] | 380.0 [371.0, 389.0] |" in page
    assert "| 50 | 25.0 [18.0, 33.0] | 48.0 [44.0, …] | 50.0 [48.0, …] |" in page
