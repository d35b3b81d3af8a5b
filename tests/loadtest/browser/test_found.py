from pathlib import Path

import pytest
from tailgate_loadtest import data
from tailgate_loadtest.browser import found
from tailgate_loadtest.browser.orders import orders
from tailgate_loadtest.browser.plan import BrowserPlan, Lane
from tailgate_loadtest.errors import BrowserError, PlanError
from tailgate_otel import names


def program(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_chromium_that_the_environment_names_goes_first(tmp_path: Path):
    named, on_path = program(tmp_path / "mine"), program(tmp_path / "chromium")
    assert found.chromium({"PATH": str(tmp_path)}) == on_path
    assert found.chromium({"PATH": str(tmp_path), names.ENV_CHROMIUM: str(named)}) == named


def test_without_a_chromium_the_cure_is_named(tmp_path: Path):
    with pytest.raises(BrowserError, match="apt-get install chromium"):
        found.chromium({"PATH": str(tmp_path)})


def test_a_named_chromium_that_is_not_there_is_not_replaced_by_another(tmp_path: Path):
    program(tmp_path / "chromium")
    with pytest.raises(BrowserError, match="TAILGATE_CHROMIUM="):
        found.chromium({"PATH": str(tmp_path), names.ENV_CHROMIUM: str(tmp_path / "none")})


def test_without_playwright_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(BrowserError, match=r"pip install 'tailgate\[browser\]'"):
        found.find({})


def test_without_the_built_script_the_cure_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(found, "MEASURE", tmp_path / "measure.js")
    with pytest.raises(BrowserError, match="make setup"):
        found.find({})


@pytest.mark.parametrize(("user", "sandbox"), [(0, False), (1000, True)])
def test_chromium_has_a_sandbox_unless_it_is_roots(
    user: int, sandbox: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    chromium, measure = program(tmp_path / "chromium"), program(tmp_path / "measure.js")
    monkeypatch.setattr(found, "MEASURE", measure)
    monkeypatch.setattr("os.geteuid", lambda: user)
    browsing = found.find({names.ENV_CHROMIUM: str(chromium)})
    assert browsing.sandbox is sandbox
    assert orders(BrowserPlan(host="http://127.0.0.1:8000", lanes=(Lane(),)), tmp_path, browsing)["sandbox"] is sandbox


def test_the_visits_to_the_reference_service_are_found_by_name():
    assert data.visits() == ("agent", "dashboard", "inbox")
    assert data.visit("inbox").is_file()
    with pytest.raises(PlanError, match="there are agent, dashboard, inbox"):
        data.visit("outbox")
