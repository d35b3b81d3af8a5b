"""``tailgate run`` of a service that somebody else started, which sends its traces to where tailgate.yaml says."""

import re
from pathlib import Path

import pytest
from tailgate_loadtest.browser.found import MEASURE

from tests.browser import needs_chromium
from tests.tailgate.conftest import Command, free_port
from tests.tailgate.traced import SHOPPER, service

PROFILE = "name: calm\nstages: [{duration: 5s, rate: 5}]\nusers: 20\n"
SCRIPT = """
export const page = "/";

export default async function visit({ page, host }) {
  await page.goto(`${host}/`);
  await page.getByText("The basket is here").waitFor();
}
"""
STATEMENT = "SELECT name, price FROM prices WHERE item = ?"


def directory(path: Path, traces: str) -> Command:
    settings = f"locustfile: locustfile.py\nprofile: calm.yaml\nservice:\n  traces: {traces}\n"
    texts = {"locustfile.py": SHOPPER, "calm.yaml": PROFILE, "tailgate.yaml": settings, "visit.js": SCRIPT}
    for name, text in texts.items():
        (path / name).write_text(text)
    return Command(path)


def words_of(path: Path) -> str:
    """What a page says."""
    return " ".join(re.sub("<[^>]*>", " ", path.read_text()).split())


@needs_chromium
@pytest.mark.skipif(not MEASURE.is_file(), reason=f"{MEASURE.name} is not built: `make setup` where npm is found")
@pytest.mark.xdist_group("browser")
def test_its_report_shows_the_queries_of_the_slowest_requests_and_visits(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    tailgate = directory(tmp_path, address)
    with service(f"http://{address}", queries=3) as url:
        done = tailgate.here("run", "--host", url, "--visit", "visit.js")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"receiving the service's traces at {address}" in done.stderr
    said = words_of(tmp_path / "runs" / "latest" / "report.html")
    assert STATEMENT in said.partition("Kept traces")[2]
    why = said.partition("Why the slowest visit took ")[2]
    assert re.search(r"The last to end was GET /basket: [\d.]+\W+ms, of it [\d.]+\W+ms in the database", why), why


def test_where_nobody_can_listen_no_load_begins(tmp_path: Path) -> None:
    tailgate = directory(tmp_path, "192.0.2.1:4318")
    with service("http://127.0.0.1:9", queries=0) as url:
        done = tailgate.here("run", "--host", url)
    assert done.returncode == 2
    assert "tailgate.yaml: service: traces: nobody can listen at 192.0.2.1:4318" in done.stderr
    assert not (tmp_path / "runs").exists()
