"""The picture of a visit's largest paint, however many paints there were."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tailgate_loadtest.browser.found import MEASURE, RUNNER, find

from tests.browser import needs_chromium
from tests.loadtest.browser.conftest import Outcome
from tests.loadtest.browser.site import Page, Site

pytestmark = [
    needs_chromium,
    pytest.mark.skipif(not MEASURE.is_file(), reason="measure.js is not built: `make setup` where npm is found"),
    pytest.mark.xdist_group("browser"),
]
PATIENCE = 60.0

GROWING = """\
<!doctype html><title>It grows</title><main></main>
<script>
  let painted = 0;
  const observer = new PerformanceObserver((list) => { painted += list.getEntries().length; });
  observer.observe({ type: "largest-contentful-paint" });
  function grow(size) {
    const line = document.createElement("p");
    line.id = `size-${size}`;
    line.style.fontSize = `${4 * size}px`;
    line.textContent = "It grows";
    document.querySelector("main").replaceChildren(line);
  }
</script>
"""
GROW = """
export default async function visit({ page, host }) {
  await page.goto(`${host}/`);
  for (let size = 5; size < 25; size++) {
    const before = await page.evaluate((size) => { grow(size); return painted; }, size);
    await page.waitForFunction((before) => painted > before, before);
  }
}
"""
DRIVEN = """
import { setTimeout as sleep } from "node:timers/promises";

const [module, orders, { during, leaving, unworthy, visible }] = process.argv.slice(1).map((text) => JSON.parse(text));
const { Pictures } = await import(module);
let shown = 0;
let taken = 0;
const session = {
  async send() {
    taken += 1;
    return { data: Buffer.from(String(shown)).toString("base64") };
  },
};
const pictures = new Pictures(session, orders, 1, (paint) => !unworthy.includes(paint));
const paint = () => pictures.painted(++shown);
for (let n = 0; n < during; n++) {
  paint();
  await sleep(5);
}
await pictures.rest();
for (let n = 0; n < leaving; n++) paint();
await pictures.end(visible);
console.log(JSON.stringify({ files: pictures.files, taken }));
"""
Drive = Callable[..., tuple[dict[str, str], int]]


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    """Takes pictures of a page that shows how many paints there were: what each shows, and how many were taken in all.

    Paints happen during the visit, and more are told of while the page is left.
    """

    def drive(
        during: int, *, leaving: int = 0, unworthy: tuple[int, ...] = (), visible: bool = True
    ) -> tuple[dict[str, str], int]:
        (tmp_path / "pictures").mkdir()
        module = RUNNER.with_name("pictures.mjs").as_uri()
        orders = {"pictures": True, "directory": str(tmp_path), "picturesBelow": "pictures"}
        happens = {"during": during, "leaving": leaving, "unworthy": unworthy, "visible": visible}
        arguments = [json.dumps(each) for each in (module, orders, happens)]
        command = [find(os.environ).node, "--input-type=module", "--eval", DRIVEN, "--", *arguments]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=PATIENCE).stdout)
        files = {kind: tmp_path / path for kind, path in told["files"].items()}
        assert set((tmp_path / "pictures").iterdir()) == set(files.values())
        return {kind: path.read_text(encoding="utf-8") for kind, path in files.items()}, told["taken"]

    return drive


def test_a_page_that_paints_larger_and_larger_has_a_picture_of_its_last_paint(
    visit: Callable[..., Outcome], site: Site, tmp_path: Path
):
    site.pages["/"] = Page(body=GROWING)
    [told], _ = visit(GROW)
    assert told.failed is None
    assert told.lcp_element == "p#size-24"
    pictures = {kind: (tmp_path / "bundle" / path).read_bytes() for kind, path in told.pictures.items()}
    # Nothing changes after the last paint.
    assert pictures["lcp"] == pictures["end"]


def test_of_many_paints_few_are_pictured_and_always_the_last(drive: Drive):
    shown, taken = drive(200)
    assert shown == {"lcp": "200", "end": "200"}
    # Twelve in a minute, and two when the visit is over.
    assert taken <= 14


def test_a_paint_that_is_told_of_when_the_page_is_left_is_pictured(drive: Drive):
    shown, _ = drive(1, leaving=1)
    assert shown == {"lcp": "2", "end": "2"}


def test_no_picture_is_kept_of_a_paint_that_was_outdone_by_one_that_is_not_worth_a_picture(drive: Drive):
    shown, _ = drive(3, unworthy=(3,))
    assert shown == {"end": "3"}


def test_no_picture_is_kept_of_a_paint_that_was_outdone_where_the_page_cannot_be_seen_any_more(drive: Drive):
    shown, _ = drive(1, leaving=1, visible=False)
    assert shown == {}
