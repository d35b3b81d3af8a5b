"""``tailgate history``: of bundles that ``tailgate run`` wrote."""

import json
from collections.abc import Callable

from tailgate_loadtest.run.bundle import Bundle

from tests.loadtest.conftest import bundle  # noqa: F401 - the fixture
from tests.loadtest.test_history import routed

from .conftest import Command

LOCUSTFILE = """
from locust import HttpUser, task


class Visitor(HttpUser):
    @task
    def look(self):
        self.client.get("/shop")
"""


def test_runs_become_a_table_a_page_and_a_document(tailgate: Command, foreign_api: str) -> None:
    (tailgate.cwd / "locustfile.py").write_text(LOCUSTFILE)
    for _ in range(2):
        run = tailgate.here("run", "--host", foreign_api, "-f", "locustfile.py", "--profile", "quick.yaml")
        assert run.returncode == 0, run.stderr
    (tailgate.cwd / "runs" / "killed").mkdir()
    (tailgate.cwd / "runs" / "killed" / "server.json").touch()

    done = tailgate.here("history")
    assert done.returncode == 0, done.stderr
    assert "quick, loopback: 2 runs" in done.stdout
    assert "GET /shop" in done.stdout
    assert "left out: runs/killed" in done.stdout
    assert "runs/history.html" in " ".join(done.stderr.split())
    page = (tailgate.cwd / "runs" / "history.html").read_text()
    assert page.count('class="line p95"') == 1

    done = tailgate.here("history", "runs", "--json", "--out", "page.html")
    assert done.returncode == 0, done.stderr
    history = json.loads(done.stdout)
    assert history["schema"] == "tailgate/history/v1"
    first, second = history["runs"]
    assert first["began"] < second["began"]
    assert [each["path"] for each in history["skipped"]] == ["killed"]
    assert f'href="runs/{first["path"]}/report.html"' in (tailgate.cwd / "page.html").read_text()


def test_a_route_that_no_run_has_is_refused_with_those_there_are(
    refused: Callable[..., str],
    tailgate: Command,
    bundle: Callable[..., Bundle],  # noqa: F811 - the fixture
) -> None:
    routes = [f"GET /shop/{n}" for n in range(13)]
    bundle((), path="one", routes=[routed(0.05, each) for each in routes])
    bundle((), path="two", routes=[routed(0.05, each) for each in ("POST /cart", routes[7], "GET /\x1b[2J")])
    said = refused("history", ".", "--route", "/cart")
    assert "--route /cart: no run in . has that route; did you mean 'POST /cart'? There are GET /shop/7, " in said
    assert said.endswith(" and 3 more")
    assert "did you mean 'GET /shop/12'" in refused("history", ".", "--route", "GET /shop/12/", "--json")
    assert "\x1b" not in refused("history", ".", "--route", "GET /\x1b[2")
    assert not (tailgate.cwd / "history.html").exists()
    assert tailgate.here("history", ".", "--route", "POST /cart").returncode == 0


def test_where_no_run_has_any_route_that_is_said(refused: Callable[..., str], bundle: Callable[..., Bundle]) -> None:  # noqa: F811
    bundle(())
    assert "none of them had any request" in refused("history", ".", "--route", "GET /shop")


def test_a_directory_without_runs_is_refused(tailgate: Command, refused: Callable[..., str]) -> None:
    (tailgate.cwd / "empty").mkdir()
    assert "empty: holds no run bundle" in refused("history", "empty")
    assert "runs: there is no such directory" in refused("history")
    (tailgate.cwd / "damaged" / "one").mkdir(parents=True)
    (tailgate.cwd / "damaged" / "one" / "run.json").write_text("{}")
    assert "none of 1 bundles can be read: damaged/one/run.json" in refused("history", "damaged")
