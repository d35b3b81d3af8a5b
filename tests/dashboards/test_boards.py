"""The boards: complete, the same each time, readable, and made of queries that a Prometheus takes."""

import json
import re
import subprocess
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from itertools import combinations

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard
from hypothesis import given
from hypothesis import strategies as st
from tailgate_dashboards.boards.annotations import ANNOTATIONS
from tailgate_dashboards.boards.asked import every_query
from tailgate_dashboards.boards.catalog import boards_of
from tailgate_dashboards.boards.draw import TAG, render
from tailgate_dashboards.boards.layout import COLUMNS, placed
from tailgate_dashboards.boards.panel import Panel, Row
from tailgate_dashboards.boards.promql import one_of
from tailgate_otel import names
from tailgate_slo import load, parse, reference_path

from tests.dashboards.linting import EXCEPTIONS, broken, excepted
from tests.dashboards.servers import PROMTOOL, needs_prometheus

ALL = ("Objectives", "API", "Queries", "Web Vitals", "Load test")
RANGES = {"__rate_interval": "1m", "__range": "1h"}
# A board at 1280 pixels, less Grafana's frame; what a title's character takes, and a panel's own frame.
SCREEN, CHARACTER, FRAME = 1280 - 60, 7.5, 34
LEAST = {"stat": 4, "graph": 8, "table": 9, "states": 12, "heatmap": 8}
CASES = ("reference", "shop", "micrometer", "nginx-ingress", "envoy", "native")


def objectives_of(case, shop):
    if case == "reference":
        return load(reference_path())
    if case == "shop":
        return shop
    spec = {"preset": "otel", "native": True} if case == "native" else {"preset": case}
    document = {"apiVersion": "tailgate/v1", "kind": "Metrics", "metadata": {"name": "m"}, "spec": spec}
    return parse(f"{shop.text}\n---\n{yaml.safe_dump(document)}".encode(), "shop.yaml")


@pytest.fixture(scope="module")
def boards():
    return boards_of(load(reference_path()))


@pytest.fixture(scope="module")
def documents(boards):
    return [json.loads(render(board)) for board in boards]


def panels(document):
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def test_there_are_five_boards_each_under_an_address_of_its_own(boards):
    assert tuple(board.title for board in boards) == ALL
    assert len({board.uid for board in boards}) == len(ALL)
    assert names.GRAFANA_LOAD_TEST_BOARD in {board.uid for board in boards}


def test_the_same_objectives_give_the_same_bytes(boards):
    assert [render(board) for board in boards_of(load(reference_path()))] == [render(board) for board in boards]


def test_the_sdk_reads_a_board_back_as_it_was_written(documents):
    register_default_plugins()
    for document in documents:
        read = dashboard.Dashboard.from_json(json.loads(json.dumps(document)))
        again = json.loads(json.dumps(read, cls=JSONEncoder))
        assert without_placement(again) == document


def without_placement(value):
    """The SDK puts links and annotations into a menu, where nobody sees them."""
    if isinstance(value, dict):
        return {key: without_placement(each) for key, each in value.items() if key != "placement" or each == "bottom"}
    return [without_placement(each) for each in value] if isinstance(value, list) else value


def test_every_panel_has_a_title_a_unit_and_says_what_to_do(boards):
    for panel in (panel for board in boards for panel in board.panels()):
        assert panel.title
        assert panel.unit
        assert len(panel.description) > 80, panel.title
        assert panel.description.endswith("."), panel.title


def test_no_two_panels_of_a_board_have_one_title(boards):
    for board in boards:
        assert max(Counter(panel.title for panel in board.panels()).values()) == 1


def test_a_table_names_the_unit_of_every_column(boards):
    tables = [panel for board in boards for panel in board.panels() if panel.kind == "table"]
    assert tables
    for panel in tables:
        traces = {query.language for query in panel.queries} == {"traceql"}
        # One that brings labels alone is no column of values.
        assert traces or sum(query.column is None for query in panel.queries) <= 1, panel.title
        headers = [query.column.header for query in panel.queries if query.column]
        assert len(set(headers)) == len(headers)
        assert not panel.sort or panel.sort in headers


def test_panels_lie_beside_each_other_within_the_board(documents):
    for document in documents:
        places = [panel["gridPos"] for panel in document["panels"]]
        assert all(place["x"] >= 0 and place["x"] + place["w"] <= COLUMNS for place in places)
        for one, other in combinations(places, 2):
            beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert beside or above, (document["title"], one, other)
        assert len({panel["id"] for panel in document["panels"]}) == len(places)


SIZES = st.lists(st.tuples(st.integers(1, COLUMNS), st.integers(1, 12)), min_size=1, max_size=12)


@given(SIZES)
def test_panels_of_any_size_lie_in_their_order_and_never_on_each_other(sizes):
    wanted = tuple(
        Panel(title=str(number), description="d", unit="s", queries=(), width=width, height=height)
        for number, (width, height) in enumerate(sizes)
    )
    taken = set()
    (heading, *_), *found = placed([Row(title="r", panels=wanted)])
    assert heading.title == "r"
    for panel, left, top in found:
        assert left + panel.width <= COLUMNS
        squares = {(x, y) for x in range(left, left + panel.width) for y in range(top, top + panel.height)}
        assert not squares & taken
        taken |= squares
    assert tuple(panel for panel, *_ in found) == wanted
    assert sorted(found, key=lambda each: (each[2], each[1])) == found


def test_every_line_of_panels_is_filled_to_its_end(boards):
    for board in boards:
        lines = Counter()
        for item, _, top in placed(board.rows):
            lines[top] += COLUMNS if isinstance(item, Row) else item.width
        assert set(lines.values()) == {COLUMNS}, (board.title, lines)


def test_a_board_can_be_read_on_a_screen_of_1280_pixels(boards):
    for panel in (panel for board in boards for panel in board.panels()):
        assert panel.width >= LEAST[panel.kind], panel.title
        assert len(panel.title) * CHARACTER <= panel.width / COLUMNS * SCREEN - FRAME, panel.title


def test_what_is_chosen_goes_along_to_every_board(documents):
    for document in documents:
        [link] = document["links"]
        assert (link["type"], link["tags"]) == ("dashboards", [TAG])
        assert link["keepTime"]
        assert link["includeVars"]
        assert document["tags"] == [TAG]
        assert "placement" not in link
        variables = {variable["name"] for variable in document["templating"]["list"]}
        assert {"prometheus_datasource", "job", "instance", "run"} <= variables
        assert variables & {"route", "page"}


def test_a_link_out_of_a_table_keeps_time_and_variables(documents):
    links = [
        (document, override["matcher"]["options"], property_["value"][0]["url"])
        for document in documents
        for panel in panels(document)
        for override in panel["fieldConfig"]["overrides"]
        for property_ in override["properties"]
        if property_["id"] == "links"
    ]
    assert links
    for document, _, url in links:
        assert "${__url_time_range}" in url
        for variable in document["templating"]["list"]:
            assert url.count(f"${{{variable['name']}:queryparam}}") + url.count(f"var-{variable['name']}=") == 1
        assert url.split("?")[0].removeprefix("/d/") in {each["uid"] for each in documents}


def test_every_board_marks_load_tests_and_pages(documents):
    for document in documents:
        told, *seen = document["annotations"]["list"]
        assert told["datasource"]["uid"] == "-- Grafana --"
        assert told["target"]["tags"] == [names.GRAFANA_RUN_TAG]
        assert [each["expr"] for each in seen] == [regions.expr for regions in ANNOTATIONS]
        assert all(each["enable"] for each in (told, *seen))


def test_the_linters_rules_are_kept_or_an_exception_says_why(documents):
    found = {each for document in documents for each in broken(document)}
    assert found == excepted()


def test_every_exception_has_a_reason():
    assert all(each["reason"] for each in yaml.safe_load(EXCEPTIONS.read_text())["exclusions"].values())


@needs_prometheus
@pytest.mark.parametrize("case", CASES)
def test_prometheus_takes_every_query(case, shop, tmp_path):
    asked = [each for board in boards_of(objectives_of(case, shop)) for each in every_query(board)]
    rules = [
        {"record": f"query:{number}", "expr": each.resolved(RANGES)}
        for number, each in enumerate(asked)
        if each.language == "promql"
    ]
    assert len(rules) > 90
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "boards", "rules": rules}]}, width=1_000_000))
    done = subprocess.run([PROMTOOL, "check", "rules", path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_of_a_query_is_one_of_its_board(boards):
    for board in boards:
        known = {variable.name for variable in board.variables} | set(RANGES)
        for asked in every_query(board):
            assert set(re.findall(r"\$\{?(\w+)", asked.expr)) <= known, asked


@pytest.mark.parametrize("case", ["micrometer", "nginx-ingress", "envoy"])
def test_a_service_that_counts_no_queries_has_no_board_of_them(case, shop):
    found = boards_of(objectives_of(case, shop))
    assert tuple(board.title for board in found) == tuple(title for title in ALL if title != "Queries")
    for board in found:
        if board.title in ("API", "Objectives"):
            assert not [a.expr for a in every_query(board) if names.HTTP_SERVER_DURATION in a.expr]


def test_milliseconds_are_shown_as_seconds_and_a_limit_stays_one_of_seconds(shop):
    [api] = [board for board in boards_of(objectives_of("envoy", shop)) if board.title == "API"]
    p95 = panel(api, "p95 by route")
    assert p95.queries[0].expr.startswith("(histogram_quantile(0.95, ")
    assert p95.queries[0].expr.endswith(" / 1000")
    assert p95.queries[1].expr.endswith(" * 0.25")
    assert panel(api, "All requests by duration").unit == "ms"


def panel(board, title) -> Panel:
    [found] = [panel for panel in board.panels() if panel.title == title]
    return found


def lines(board, title):
    return [(query.expr.rpartition(" * ")[2], query.legend) for query in panel(board, title).queries if query.line]


def test_an_objective_is_a_line_in_the_panel_of_its_percentile(shop):
    _, api, queries, *_ = boards_of(shop)
    assert lines(api, "p50 by route") == []
    assert lines(api, "p95 by route") == [("0.25", "objective: 250 ms")]
    assert lines(api, "p99 by route") == [("1", "objective: 1000 ms")]
    assert lines(queries, "Queries per request: p95") == [("4", "budget: 4")]


def test_an_objective_on_a_vital_or_a_timing_is_a_line_on_the_board_of_vitals(shop):
    lcp = next(slo for slo in shop.slos if slo.name == "inbox-lcp")
    timing = replace(lcp.measure, vital=None, timing="list_shown", threshold=Decimal("1.50"))
    also = replace(shop, slos=(*shop.slos, replace(lcp, name="inbox-list", measure=timing)))
    objectives, *_, vitals, _ = boards_of(also)
    assert lines(vitals, "LCP at p75, by page and device") == [("vector(2.5)", "objective: 2.5 s")]
    assert lines(vitals, "FCP at p75, by page and device") == []
    assert lines(vitals, "Timings at p75, by page and device") == [("vector(1.5)", "objective: list_shown 1.5 s")]
    said = {each.value: each.text for each in panel(objectives, "All objectives").labels[1].meanings}
    assert said["inbox-lcp"] == "inbox-lcp: LCP of /inbox at most 2.5 s"
    assert said["inbox-list"] == "inbox-list: list_shown of /inbox at most 1.5 s"


def test_no_point_of_a_share_of_views_stands_for_less_than_some_minutes(documents):
    [vitals] = [document for document in documents if document["title"] == "Web Vitals"]
    graphs = [panel for panel in panels(vitals) if panel["type"] == "timeseries"]
    by_interval = {panel["title"]: panel.get("interval") for panel in graphs}
    assert {title for title, interval in by_interval.items() if interval != "5m"} == {
        "Page views per minute", "Refused per minute, by reason",
    }  # fmt: skip


def test_a_threshold_that_moves_moves_its_line(shop):
    moved = parse(shop.text.replace("value: 0.25", "value: 0.3").encode(), "shop.yaml")
    before, after = boards_of(shop)[1], boards_of(moved)[1]
    assert lines(after, "p95 by route") == [("0.3", "objective: 300 ms")]
    changed = {p.title for p, q in zip(before.panels(), after.panels(), strict=True) if p != q}
    assert changed == {"Routes", "p95 as a share of its objective", "p95 by route"}


def test_an_objective_of_another_percentile_gets_a_panel_of_its_own(shop):
    slos = tuple(
        replace(slo, target=Decimal("0.999"))
        if slo.target == Decimal("0.99") and slo.measure.kind == "latency"
        else slo
        for slo in shop.slos
        if slo.measure
    )
    api = boards_of(replace(shop, slos=slos))[1]
    assert lines(api, "p99.9 by route") == [("1", "objective: 1000 ms")]
    assert lines(api, "p99 by route") == []


def test_a_file_without_objectives_has_its_boards_all_the_same(shop):
    found = boards_of(replace(shop, slos=()))
    assert tuple(board.title for board in found) == ALL
    assert not [
        query for board in found for panel in board.panels() for query in panel.queries if " 0.25" in query.expr
    ]


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=3, unique=True), st.text(max_size=30))
def test_a_matcher_of_routes_matches_these_and_no_other(routes, other):
    label, operator, quoted = re.fullmatch(r"(\w+)(=~)(\".*\")", one_of("route", routes), re.DOTALL).groups()
    # Grafana replaces what looks like a variable; PromQL undoes its quotes as JSON does, but for the rest of escapes.
    assert not re.search(r"\$\w|\$\{|\[\[", quoted)
    pattern = json.loads(quoted.replace("\\a", "\\u0007"), strict=False)
    for route in routes:
        assert re.fullmatch(pattern, route)
    assert bool(re.fullmatch(pattern, other)) is (other in routes)
    assert (label, operator) == ("route", "=~")


@needs_prometheus
def test_a_hostile_route_stays_a_text(shop, tmp_path):
    hostile = 'GET /a"b\\d$run/${job}/[[route]]/{id}|.*'
    slos = tuple(replace(slo, measure=replace(slo.measure, route=hostile)) for slo in shop.slos if slo.measure)
    asked = [each for board in boards_of(replace(shop, slos=slos)) for each in every_query(board)]
    rules = [{"record": f"q:{n}", "expr": a.resolved(RANGES)} for n, a in enumerate(asked) if a.language == "promql"]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "boards", "rules": rules}]}, width=1_000_000))
    done = subprocess.run([PROMTOOL, "check", "rules", path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
