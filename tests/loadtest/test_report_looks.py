"""Every page that is written, in a real browser: on a phone and on a desktop nothing overlaps or is cut off."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser
from tailgate_loadtest.judge.history import read as read_history
from tailgate_loadtest.judge.vitals.stored import read_document
from tailgate_loadtest.report.history.page import page as history_page
from tailgate_loadtest.report.regression.page import page as comparison_page
from tailgate_loadtest.report.vitals_page import write as write_vitals
from tailgate_loadtest.run.bundle import Bundle

from tests.browser import DESKTOP, PHONE, browsing, chromium, needs_chromium
from tests.loadtest.comparisons import failing, many, undecided
from tests.loadtest.conftest import objectives
from tests.loadtest.test_calibration import calibration, gate, pictured
from tests.loadtest.test_history import day  # noqa: F401 - a fixture
from tests.loadtest.test_report import Build, build, report  # noqa: F401 - a fixture among them
from tests.loadtest.test_report_felt import LCP, PANELS, Report
from tests.loadtest.test_report_felt import report as report_felt  # noqa: F401 - a fixture
from tests.loadtest.vitals import made
from tests.service.pages.measured import FAINT, TOO_WIDE

pytestmark = [needs_chromium, pytest.mark.xdist_group("browser")]

OVERLAPPING = """() => {
  // What a pointer reads stands there only while it does.
  const shown = (element) => element.closest(".hit") === null && element.checkVisibility();
  const box = (element) => element.getBoundingClientRect();
  const over = (one, other) => {
    const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
    // A line of text is a little higher than its letters.
    return width > 1 && height > 4;
  };
  const found = [];
  for (const picture of document.querySelectorAll("svg")) {
    const texts = [...picture.querySelectorAll("text")].filter(shown);
    const dots = [...picture.querySelectorAll(".dot")].filter(shown);
    texts.forEach((text, place) => {
      for (const other of [...texts.slice(place + 1), ...dots]) {
        if (over(box(text), box(other))) {
          const what = other.textContent || other.getAttribute("class");
          found.push(`${picture.getAttribute("aria-labelledby")}: ${text.textContent} / ${what}`);
        }
      }
    });
  }
  return found;
}"""
"""The words in pictures that lie over other words, or over dots."""


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
def pages(
    build: Build,  # noqa: F811 - the fixture
    report_felt: Report,  # noqa: F811
    day: Callable[..., Bundle],  # noqa: F811
    tmp_path: Path,
) -> dict[str, Callable[[], Path]]:
    """What writes each kind of page."""

    def written(text: str) -> Path:
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        return path

    def run() -> Path:
        made = build(bad=1)
        report(made)
        return made.path / "report.html"

    def visits() -> Iterator[made.Visit]:
        for number in range(1, 61):
            whole = 0.3 + number % 7 / 3
            yield made.pictured(number, lcp=whole, timings={"panels_complete": 1.6 * whole}, began=number / 2.1)
        yield from made.failed(3, start=61)

    def felt() -> Path:
        _, bundle = report_felt(list(visits()), LCP, PANELS)
        return bundle.path / "report.html"

    def vitals() -> Path:
        bundle = made.bundle_of(tmp_path / "visited", list(visits()), objectives(LCP, PANELS))
        return write_vitals(bundle, read_document(bundle))

    def history() -> Path:
        for number in range(30):
            day(number, seconds=0.05 + number % 5 / 50)
        return written(history_page(read_history(tmp_path), ""))

    return {
        "run": run,
        "felt": felt,
        "vitals": vitals,
        "history": history,
        "failing": lambda: written(comparison_page(failing())),
        "undecided": lambda: written(comparison_page(undecided())),
        "long": lambda: written(comparison_page(many(5, 300))),
        "many": lambda: written(comparison_page(many())),
        "calibration": lambda: written(pictured(calibration(*(gate(number) for number in range(25))))),
    }


KINDS = ("run", "felt", "vitals", "history", "failing", "undecided", "long", "many", "calibration")


@pytest.mark.parametrize("screen", [pytest.param(PHONE, id="phone"), pytest.param(DESKTOP, id="desktop")])
@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_cut_off_or_lies_over_anything_else(
    browser: Browser, pages: dict[str, Callable[[], Path]], kind: str, screen: dict[str, object]
) -> None:
    path = pages[kind]()
    async with browsing(browser, "http://127.0.0.1", **screen) as (context, watched):
        page = await context.new_page()
        await page.goto(path.as_uri())
        assert await page.evaluate(TOO_WIDE) == {"scrolls": 0, "wide": []}
        assert await page.evaluate(OVERLAPPING) == []
    assert watched.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
async def test_every_text_stands_out_from_what_is_behind_it(
    browser: Browser, pages: dict[str, Callable[[], Path]], kind: str, scheme: str
) -> None:
    path = pages[kind]()
    async with browsing(browser, "http://127.0.0.1", color_scheme=scheme) as (context, _):
        page = await context.new_page()
        await page.goto(path.as_uri())
        # What pictures say has colours of another kind, and some of it is shown to a pointer alone.
        await page.evaluate("document.querySelectorAll('svg').forEach((one) => one.remove())")
        measured = await page.evaluate(FAINT)
    assert measured["looked"] > 10
    assert measured["faint"] == []
