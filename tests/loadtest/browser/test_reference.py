"""The visits that come with the package, to the real service."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tailgate_loadtest import data
from tailgate_loadtest.browser import recording
from tailgate_loadtest.browser.found import MEASURE, find
from tailgate_loadtest.browser.plan import BrowserPlan, Lane
from tailgate_loadtest.browser.visiting import Visiting
from tailgate_service.seed.config import SeedConfig
from tailgate_service.stack import Stack, StackConfig, start

from tests.browser import in_browser

pytestmark = [
    *in_browser,
    pytest.mark.skipif(not MEASURE.is_file(), reason="measure.js is not built: `make setup` where npm is found"),
]
SMALL = SeedConfig(workspaces=3, conversations=20, messages=4)


@pytest.fixture(scope="module")
def stack(templates: Path) -> Iterator[Stack]:
    with start(StackConfig(variant="readmodel", seed=SMALL, cache=templates)) as stack:
        yield stack


@pytest.mark.row("A1")
@pytest.mark.row("C9")
@pytest.mark.parametrize(
    ("name", "moment"),
    [("dashboard", "panels_complete"), ("inbox", "list_shown"), ("agent", "microphone_answered")],
)
def test_each_page_tells_all_five_measures_and_its_own_moment(name: str, moment: str, stack: Stack, tmp_path: Path):
    lanes = tuple(Lane(visit=data.visit(name), device=device, visits=1) for device in ("desktop", "phone"))
    plan = BrowserPlan(host=stack.url, lanes=lanes, targets=stack.targets)
    with Visiting(plan, tmp_path, find(os.environ)) as visiting:
        visiting.wait()
    visits = list(recording.read(tmp_path / recording.FILE))
    assert [visit.failed for visit in visits] == [None, None]
    for visit in visits:
        assert visit.page == f"/{name}"
        assert set(visit.values) == {"lcp", "inp", "cls", "fcp", "ttfb"}
        assert visit.values["cls"] < 0.05
        assert 0 < visit.timings[moment] < visit.seconds
        assert visit.console == ()
        assert set(visit.pictures) == {"lcp", "end"}


def test_a_visit_without_targets_says_what_it_needs(stack: Stack, tmp_path: Path):
    plan = BrowserPlan(host=stack.url, lanes=(Lane(visit=data.visit("inbox"), visits=1),))
    with Visiting(plan, tmp_path, find(os.environ)) as visiting:
        visiting.wait()
    [visit] = recording.read(tmp_path / recording.FILE)
    assert visit.failed == "login: needs the targets file of the reference service: give --targets"
    assert visit.page == "/inbox"


def test_a_visit_whose_panels_failed_ends_says_which_and_has_no_moment(stack: Stack, tmp_path: Path):
    targets = tmp_path / "targets.json"
    targets.write_text(json.dumps({**json.loads(stack.targets.read_text()), "today": "no-day"}))
    plan = BrowserPlan(host=stack.url, lanes=(Lane(visit=data.visit("dashboard"), visits=1),), targets=targets)
    with Visiting(plan, tmp_path, find(os.environ)) as visiting:
        visiting.wait()
    [visit] = recording.read(tmp_path / recording.FILE)
    assert visit.failed == "panels show an error: pulse, calls"
    assert "lcp" in visit.values
    assert "panels_complete" not in visit.timings
