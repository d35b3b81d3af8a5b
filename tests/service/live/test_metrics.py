"""What live connections are measured by is named where people look for it."""

import re
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from tailgate_otel import names
from tailgate_service.live import connection
from tailgate_service.live.connection import Farewell
from tailgate_service.live.metrics import EVENTS, WEBSOCKET, LiveMetrics

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
FAREWELLS = [value for value in vars(connection).values() if isinstance(value, Farewell)]


def test_the_page_names_every_metric_with_its_labels():
    metrics = LiveMetrics()
    metrics.cut_off("slow")
    exported = {}
    for family in openmetrics("".join(metrics.text(openmetrics=True)) + "# EOF\n"):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {names.LABEL_LE}
        exported[name] = (family.type, labels)
    rows = re.findall(r"^\| `(tailgate_live_[a-z_]+)` \| (\w+) \| ([^|]*)\|", PAGE.read_text(), re.MULTILINE)
    assert {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows} == exported


def test_the_page_names_every_reason_and_transport():
    [cut_off] = [line for line in PAGE.read_text().splitlines() if names.LIVE_CUT_OFF in line]
    assert set(re.findall(r"`(\w+)`", cut_off.rpartition("|")[0].rpartition("|")[2])) == {one.word for one in FAREWELLS}
    assert all(f"`{transport}`" in PAGE.read_text() for transport in (WEBSOCKET, EVENTS))


def test_farewells_differ():
    assert len({one.code for one in FAREWELLS}) == len({one.word for one in FAREWELLS}) == len(FAREWELLS)


def test_a_database_whose_clock_is_ahead_makes_nothing_early():
    metrics = LiveMetrics()
    metrics.lagged(EVENTS, -1.0)
    assert f'{names.LIVE_LAG}_sum{{transport="{EVENTS}"}} 0.0' in "".join(metrics.text(openmetrics=False))
