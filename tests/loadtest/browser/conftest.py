"""A site, and visits to it by a real browser."""

import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tailgate_loadtest.browser import recording
from tailgate_loadtest.browser.account import Account
from tailgate_loadtest.browser.found import find
from tailgate_loadtest.browser.plan import BrowserPlan, Lane
from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.browser.visiting import Visiting

from tests.loadtest.browser.site import Page, Site

Outcome = tuple[list[Visit], Account]

HOME = """\
<!doctype html><title>Home</title>
<main><h1 id="title">A page that is there at once, with a heading that is large</h1><button>Press</button></main>
<script>
  performance.mark("shown");
  document.querySelector("button").onclick = () => { document.querySelector("h1").textContent = "It was pressed"; };
</script>
"""


@pytest.fixture
def site() -> Iterator[Site]:
    """A site with a page at its root."""
    with Site() as site:
        site.pages["/"] = Page(body=HOME)
        yield site


@pytest.fixture
def other() -> Iterator[Site]:
    """Another site, at another origin."""
    with Site() as site:
        yield site


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a visit script."""

    def script(text: str, name: str = "script.mjs") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return script


@pytest.fixture
def visiting(site: Site, tmp_path: Path, script: Callable[[str], Path]) -> Callable[..., Visiting]:
    """Visits to the site, not yet begun: by a script's text, of one browser."""

    def visiting(
        text: str | None = None, *, plan: dict[str, Any] | None = None, held: bool = False, **lane: Any
    ) -> Visiting:
        directory = tmp_path / "bundle"
        directory.mkdir(exist_ok=True)
        lane = {"visit": None if text is None else script(text), "visits": 1, **lane}
        made = BrowserPlan(**{"host": site.url, "lanes": (Lane(**lane),), **(plan or {})})
        return Visiting(made, directory, find(os.environ), held=held)

    return visiting


@pytest.fixture
def visit(visiting: Callable[..., Visiting], tmp_path: Path) -> Callable[..., Outcome]:
    """Carries visits out to their end: what was recorded of them, by their numbers, and the account."""

    def visit(text: str | None = None, **more: Any) -> Outcome:
        with visiting(text, **more) as running:
            running.wait()
        return recorded(tmp_path), running.account()

    return visit


def recorded(tmp_path: Path) -> list[Visit]:
    """What is in the bundle, by number."""
    return sorted(recording.read(tmp_path / "bundle" / recording.FILE), key=lambda visit: visit.number)
