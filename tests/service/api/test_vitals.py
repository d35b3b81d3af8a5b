"""What pages tell of a visit: taken from anybody, and believed by nobody who could be harmed."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tailgate_otel import Vitals, VitalsConfig, names
from tailgate_otel.beacon import MAX_BODY
from tailgate_service.app import create_app
from tailgate_service.models.vitals import PAGES
from tailgate_service.routes import vitals as vitals_route
from tailgate_slo import load, reference_path

from tests.service.api.conftest import client_of, settings_for
from tests.service.api.test_problems import problem, store_of

VIEW = {
    "page": "/dashboard",
    "device": "desktop",
    "navigation": "navigate",
    "values": {"lcp": 1.2, "inp": 0.08, "cls": 0.01, "fcp": 0.9, "ttfb": 0.1},
    "ratings": dict.fromkeys(("lcp", "inp", "cls", "fcp", "ttfb"), "good"),
    "timings": {"panels_complete": 1.4},
    "missing": [],
}
JSON = {"content-type": "application/json"}


def made(**changes: Any) -> FastAPI:
    """The API over nothing: no beacon is stored."""
    return create_app(settings_for("parallel", "postgresql://", **changes), store_of(None))


@pytest.fixture
def app() -> FastAPI:
    return made()


@pytest.fixture
async def client(app) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody."""
    async with client_of(app) as client:
        yield client


def page(app: FastAPI) -> str:
    """What the metrics page shows of visits."""
    return "".join(app.state.vitals.text(False))


@pytest.mark.row("A1")
async def test_a_visit_is_counted_and_answered_by_nothing(app, client):
    answer = await client.post("/api/vitals", json=VIEW)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    shown = page(app)
    where = '{page="/dashboard",device="desktop"'
    for metric in (
        names.WEB_VITAL_LCP,
        names.WEB_VITAL_INP,
        names.WEB_VITAL_CLS,
        names.WEB_VITAL_FCP,
        names.WEB_VITAL_TTFB,
    ):
        assert f"{metric}_count{where}}} 1\n" in shown
    assert f'{names.PAGE_TIMING}_count{where},timing="panels_complete"}} 1\n' in shown
    assert f'{names.PAGE_VIEWS}_total{where},navigation="navigate"}} 1\n' in shown


async def test_what_a_load_test_sends_is_answered_and_not_counted(app, client):
    before = page(app)
    agent = {names.HEADER_USER_AGENT: f"tailgate ({names.SYNTHETIC_AGENT})"}
    assert (await client.post("/api/vitals", json=VIEW, headers=agent)).status_code == 204
    assert page(app) == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"page": "/elsewhere"}, "page must be /inbox, /dashboard or /agent"),
        ({"device": "toaster"}, "device must be phone or desktop"),
        ({"values": {"lcp": -1}}, "values.lcp must be a number from 0 to 600"),
        ({"timings": {"list_shown": 1}}, "timings may have panels_complete"),
    ],
)
async def test_what_cannot_be_is_refused_in_a_sentence(client, changes, said):
    answer = await client.post("/api/vitals", json=VIEW | changes)
    assert answer.status_code == 422
    assert problem(answer).detail == said
    assert [(error.location, error.detail) for error in problem(answer).errors] == [("body", said)]


async def test_a_beacon_that_is_too_large_is_refused_without_reading_on(app, client):
    sent = 0

    async def endless():
        nonlocal sent
        for _ in range(1_000):
            sent += 1
            yield b" " * 1_024

    answer = await client.post("/api/vitals", content=endless(), headers=JSON)
    assert problem(answer).status == 413
    assert answer.headers["connection"] == "close"
    assert sent == MAX_BODY // 1_024 + 1
    assert f'{names.BEACONS_REFUSED}_total{{reason="size"}} 1\n' in page(app)


async def test_a_beacon_that_drips_is_not_waited_for(app, client, monkeypatch):
    """Each byte comes soon after the one before, and the last of them never."""
    monkeypatch.setattr(vitals_route, "_WITHIN", 0.05)

    async def dripping():
        while True:
            await asyncio.sleep(0.001)
            yield b" "

    answer = await client.post("/api/vitals", content=dripping(), headers=JSON)
    assert problem(answer).status == 408
    assert answer.headers["connection"] == "close"
    assert f'{names.BEACONS_REFUSED}_total{{reason="late"}} 1\n' in page(app)


async def test_who_sends_too_many_is_told_when_to_come_again(app, client):
    app.state.vitals = Vitals(VitalsConfig(pages=tuple(PAGES), timings=PAGES, client_rate=0.001))
    assert (await client.post("/api/vitals", json=VIEW)).status_code == 204
    answer = await client.post("/api/vitals", json=VIEW)
    assert problem(answer).status == 429
    assert answer.headers["retry-after"] == "1"
    assert f'{names.BEACONS_REFUSED}_total{{reason="rate"}} 1\n' in page(app)


async def test_a_page_that_is_gone_before_its_end_is_no_failure(app):
    """It sends on its way out."""
    heard = iter([{"type": "http.request", "body": json.dumps(VIEW).encode()[:40], "more_body": True}])
    answered = []

    async def receive() -> dict[str, Any]:
        return next(heard, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        answered.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api/vitals", "query_string": b"", "headers": []}
    await app(scope, receive, send)
    assert answered[0]["status"] == 422
    assert f'{names.BEACONS_REFUSED}_total{{reason="form"}} 1\n' in page(app)


async def test_beacons_of_unnamed_clients_are_taken(app):
    """Behind a socket of the file system nobody has an address."""
    transport = httpx.ASGITransport(app, client=("", 0))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        assert (await client.post("/api/vitals", json=VIEW)).status_code == 204


@pytest.mark.row("A1")
def test_every_threshold_of_the_pages_objectives_is_an_edge():
    objectives = load(reference_path())
    shown = page(made(slo=reference_path()))
    judged = [slo.measure for slo in objectives.slos if slo.measure and slo.measure.kind == "vital"]
    assert len(judged) == 16
    for measure in judged:
        # An objective on what no page tells could never be kept or missed.
        assert measure.route in PAGES
        assert measure.timing is None or measure.timing in PAGES[measure.route]
        metric = f"{names.PAGE_TIMING}_bucket" if measure.vital is None else f"tailgate_web_vital_{measure.vital}"
        marks = metric, f'page="{measure.route}"', f'le="{float(measure.threshold)}"'
        assert any(all(mark in line for mark in marks) for line in shown.splitlines()), measure


def test_an_objective_on_a_page_of_others_is_no_reason_not_to_serve(tmp_path):
    text = reference_path().read_text().replace("timing: panels_complete", "timing: ours_is_elsewhere")
    (tmp_path / "slo.yaml").write_text(text)
    assert "ours_is_elsewhere" not in page(made(slo=tmp_path / "slo.yaml"))


def test_the_description_says_what_each_page_may_tell(app):
    operation = app.openapi()["paths"]["/api/vitals"]["post"]
    assert "security" not in operation
    told = operation["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    found = {one["properties"]["page"]["const"]: tuple(one["properties"]["timings"]["properties"]) for one in told}
    assert found == dict(PAGES)
