"""``tailgate slo`` beside a real Prometheus that holds a shop's past, and with other tools' files."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tailgate_slo import reference_path

from tests.dashboards.past import END, FILE, SLOW, holding
from tests.dashboards.servers import Version, needs_prometheus
from tests.dashboards.test_backtest import PAGES, views
from tests.slo.test_importing import RESOURCE, SLOTH
from tests.tailgate.conftest import Command, free_port


@pytest.fixture
def shop(tailgate: Command) -> Command:
    """In a directory with the shop's objectives."""
    (tailgate.cwd / "slo.yaml").write_text(FILE)
    return tailgate


@needs_prometheus
@pytest.mark.xdist_group("past")
class TestBesideAPrometheus:
    def test_a_backtest_says_who_would_have_been_paged_and_at_other_thresholds(
        self,
        shop: Command,
        past_url: str,
    ) -> None:
        asked = ("--prometheus", past_url, "--since", "48h", "--picture", "alerts.svg")
        done = shop.here("slo", "backtest", *asked)
        assert done.returncode == 0, done.stderr
        said = "orders would have paged twice; at 100 ms twice; at 250 ms once; at 500 ms once; at 1000 ms once"
        assert said in done.stdout
        assert "elsewhere was left out" in done.stdout
        assert "orders (1 of 5)" in done.stderr
        assert "  nothing is known of " not in done.stdout
        (row,) = (line for line in done.stdout.splitlines() if line.startswith("orders  "))
        assert row.split()[-2:] == ["60", "s"]
        picture = ElementTree.fromstring((shop.cwd / "alerts.svg").read_text())
        shown = [node.text for node in picture.iter() if node.text]
        assert "Orders <within> 300 ms" in shown
        assert len([text for text in shown if text.startswith("page: ")]) == 4

    def test_a_backtest_as_json_has_every_alert(self, shop: Command, past_url: str) -> None:
        found = json.loads(shop.here("slo", "backtest", "--prometheus", past_url, "--since", "2d", "--json").stdout)
        orders = found["objectives"][0]
        assert (orders["name"], orders["threshold"], orders["pages"]) == ("orders", "0.300", 2)
        assert [alert["severity"] for alert in orders["at"]["0.5"]["alerts"]].count("page") == 1
        assert all(END - 48 * 3_600 <= alert["start"] <= alert["end"] <= END + 300 for alert in orders["alerts"])
        assert max(alert["start"] for alert in orders["alerts"]) > SLOW
        assert found["left_out"].keys() == {"elsewhere", "between"}

    def test_a_backtest_of_pages_tells_their_tickets(self, tailgate: Command, version: Version, tmp_path: Path) -> None:
        (tailgate.cwd / "slo.yaml").write_text(PAGES)
        (tmp_path / "past").mkdir()
        with holding(tmp_path / "past", version, views()) as server:
            done = tailgate.here("slo", "backtest", "--prometheus", server.url, "--since", "48h")
        said = "inbox would have opened a ticket once; at 1.25 s once; at 1.9 s once; at 3.8 s once; at 5 s never"
        assert said in done.stdout, done.stdout + done.stderr
        assert "agent would have opened a ticket never" in done.stdout

    def test_a_check_names_what_is_missing_and_fails(self, shop: Command, past_url: str) -> None:
        done = shop.here("slo", "check", "--prometheus", past_url, "--json")
        assert done.returncode == 1
        (file,) = json.loads(done.stdout)
        answers = {each["name"]: each["prometheus"]["answers"] for each in file["objectives"]}
        assert answers == {
            "orders": True, "availability": True, "queried": True, "elsewhere": False, "between": False,
        }  # fmt: skip
        done = shop.here("slo", "check", "--prometheus", past_url)
        assert done.returncode == 1
        assert "between: no bucket of http_server_request_duration_seconds_bucket ends at 400 ms" in done.stdout


def test_a_check_and_a_plan_agree_on_how_many_samples_decide(tailgate: Command, objectives: Callable[..., str]) -> None:
    rows = (("close", "latency", "GET /a", "1s", "0.8"), ("far", "latency", "GET /a", "1s", "0.99"))
    slo = objectives(*rows, ("few", "queries", "GET /a", "4", "0.99"))
    checked = tailgate.here("slo", "check", slo).stdout.splitlines()
    told = {line.split()[0]: int(line.split()[-1]) for line in checked[2:]}
    (tailgate.cwd / "visitor.py").write_text(
        "from locust import User, task\nclass Visitor(User):\n    @task\n    def visit(self):\n        pass\n"
    )
    on = ("--host", "http://127.0.0.1:1", "-f", "visitor.py", "--profile", "quick.yaml", "--slo", slo)
    planned = json.loads(tailgate.here("run", "--plan", *on, "--json").stdout)
    assert told == {each["name"]: each["needed_samples"] for each in planned["objectives"]}
    assert told == {"close": 20, "far": 299, "few": 1}


def test_files_of_sloth_become_a_file_that_can_be_checked(tailgate: Command) -> None:
    (tailgate.cwd / "sloth.yaml").write_text(SLOTH)
    (tailgate.cwd / "resource.yaml").write_text(RESOURCE)
    done = tailgate.here("slo", "import", "sloth.yaml", "resource.yaml", "-o", "slo.yaml")
    assert done.returncode == 1
    assert done.stdout == "wrote slo.yaml: 3 objectives; 1 left out\n"
    assert "sloth.yaml:28: document 1 (shop), slos[2].sli.plugin" in done.stderr
    assert tailgate.here("slo", "check").returncode == 0
    done = tailgate.here("slo", "import", "sloth.yaml", "--json")
    assert json.loads(done.stdout)["objectives"] == ["requests-availability", "wifi"]
    assert (json.loads(done.stdout)["left_out"], done.returncode) == (1, 1)
    done = tailgate.here("slo", "import", "resource.yaml")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "1 objective")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("backtest", "--prometheus", f"http://127.0.0.1:{free_port()}"), "cannot be asked"),
        (("backtest", "--prometheus", "http://127.0.0.1:9", "--since", "90"), "--since 90: must be from 1h to 400d"),
        (("check", "--prometheus", "nowhere"), "'nowhere' is no address of a Prometheus"),
        (
            ("import", "slo.yaml", "-o", "slo.yaml"),
            "slo.yaml is there already; nothing was written. --force overwrites",
        ),
        (("import", "none.yaml"), "none.yaml: cannot be read"),
        (("import", "slo.yaml", "-o", "./slo.yaml", "--force"), "slo.yaml: is read, and would be overwritten"),
        (("rules", "slo.yaml", "-o", "link.yaml"), "link.yaml: is read, and would be overwritten"),
        (("rules", "-o", "slo.yaml"), "slo.yaml: is read, and would be overwritten"),
        (("rules", "--existing", "rules.yaml", "-o", "rules.yaml"), "rules.yaml: is read, and would be overwritten"),
        (
            ("backtest", "--prometheus", "http://127.0.0.1:9", "--picture", "slo.yaml"),
            "slo.yaml: is read, and would be overwritten",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(
    shop: Command, refused: Callable[..., str], arguments: tuple[str, ...], message: str
) -> None:
    (shop.cwd / "link.yaml").symlink_to("slo.yaml")
    (shop.cwd / "rules.yaml").write_text("groups: []\n")
    assert message in refused("slo", *arguments)
    assert (shop.cwd / "slo.yaml").read_text() == FILE
    assert (shop.cwd / "rules.yaml").read_text() == "groups: []\n"


def test_a_check_tells_of_pages_which_vital_or_moment_is_meant(tailgate: Command) -> None:
    done = tailgate.here("slo", "check", str(reference_path()), "--json")
    (file,) = json.loads(done.stdout)
    told = {
        each["name"]: (each["route"], each["vital"], each["timing"], each["threshold"]) for each in file["objectives"]
    }
    assert told["dashboard-lcp"] == ("/dashboard", "lcp", None, "2")
    assert told["dashboard-panels"] == ("/dashboard", None, "panels_complete", "2")
    assert told["health-latency"] == ("GET /health", None, None, "0.500")
    tailgate.environment["COLUMNS"] = "200"
    shown = tailgate.here("slo", "check", str(reference_path())).stdout
    for sentence in ("lcp within 2000 ms", "panels_complete within 2000 ms", "cls at most 0.1"):
        assert sentence in shown
