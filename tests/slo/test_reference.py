"""The reference API's own objectives: readable, complete, decidable, and in the wheel."""

import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from tailgate_slo import load, reference_path, samples_to_decide

# Of a p99 the five that everybody waits for; the routes that go on as long as what they tell of have no latency.
MAIN = {
    "GET /api/contacts/by-phone",
    "GET /api/conversations",
    "GET /api/conversations/{conversation_id}/messages",
    "POST /api/messages/send",
    "POST /api/webhook/kapso",
}
LASTING = {"GET /api/live/events", "GET /api/founder-console/test-agent/{call_id}/events"}
SMOKE_SAMPLES_OF_MAIN, SMOKE_SAMPLES_OF_OTHERS = 500, 100
SMOKE_SAMPLES = 5_000


@pytest.fixture(scope="module")
def reference():
    return load(reference_path())


@pytest.mark.row("A3")
@pytest.mark.row("C10")
def test_every_route_answers_within_half_a_second_and_has_a_budget_of_queries(reference):
    half, second = Decimal("0.5"), Decimal(1)
    timed = [route for route in reference.routes() if route not in LASTING]
    assert reference.thresholds() == {route: (half, second) if route in MAIN else (half,) for route in timed}
    assert tuple(reference.budgets()) == reference.routes()
    assert {slo.target for slo in reference.slos if slo.measure.threshold == Decimal("0.5")} == {Decimal("0.95")}
    assert [slo.target for slo in reference.slos if slo.measure.route is None] == [Decimal("0.999")]
    assert {slo.service for slo in reference.slos} == {"reference"}


def test_a_smoke_run_has_the_samples_to_decide_every_objective(reference):
    gate = reference.gate("smoke")
    for slo in reference.slos:
        if slo.measure.kind in ("queries", "vital"):
            continue  # one request decides; browsers alone do
        samples = SMOKE_SAMPLES_OF_MAIN if slo.measure.route in MAIN else SMOKE_SAMPLES_OF_OTHERS
        samples = samples if slo.measure.route else SMOKE_SAMPLES
        assert samples >= max(gate.minimum_samples, samples_to_decide(slo.target)), slo.name


def test_the_wheel_carries_it(tmp_path):
    project = reference_path().parent
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=project, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("tailgate_slo/reference.yaml") == reference_path().read_bytes()
        archive.extractall(tmp_path / "site")
    show = "import tailgate_slo; print(tailgate_slo.load(tailgate_slo.reference_path()).file)"
    found = subprocess.run(
        [sys.executable, "-c", show],
        cwd=tmp_path / "site",
        env={"PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert Path(found.stdout.strip()) == tmp_path / "site" / "tailgate_slo" / "reference.yaml"
