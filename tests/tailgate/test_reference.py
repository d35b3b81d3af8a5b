"""The reference API, its objectives and its personas fit each other: what the one has, the others know."""

import json

import pytest
import tailgate_slo
from tailgate_service.app import create_app, create_store
from tailgate_service.settings import Settings

from tests.tailgate.conftest import Command


@pytest.fixture(scope="module")
def routes() -> set[str]:
    """What the API's own description says that it answers."""
    settings = Settings(database_url="postgresql://127.0.0.1:1/none", webhook_secret="s", webhook_verify_token="t")
    app = create_app(settings, create_store("parallel", None))
    return {f"{method.upper()} {path}" for path, operations in app.openapi()["paths"].items() for method in operations}


@pytest.mark.row("C10")
def test_every_route_of_the_api_has_its_objectives_and_no_objective_is_of_another(routes: set[str]) -> None:
    assert set(tailgate_slo.load(tailgate_slo.reference_path()).routes()) == routes


def test_personas_ask_for_every_route_often_enough_to_decide_its_objectives(
    tailgate: Command, routes: set[str]
) -> None:
    done = tailgate.here("run", "--profile", "smoke", "--plan", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert all(each["decidable"] for each in plan["objectives"])
    streams = {f"{name} {word}" for name in ("SSE /api/live/events", "WS /api/live") for word in ("connect", "close")}
    # What the service counts as a request of its own is a stream's connection here.
    assert set(plan["samples_per_route"]) == routes - {"GET /api/live/events"} | streams
    assert not (tailgate.cwd / "runs").exists()
