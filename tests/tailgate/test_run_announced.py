"""Who else is told of a run: a Grafana of its region, an Alertmanager of its silence; and what comes of refusals.

The Alertmanager is a real one, the Grafana the stand-in of ``grafana_standin``.
"""

import json
import signal
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from tailgate_otel import names

from tailgate.main import main
from tests.dashboards.grafana_standin import EDITOR, GrafanaStandIn, grafana_standin
from tests.dashboards.servers import alertmanager, eventually, needs_alertmanager
from tests.tailgate.conftest import Command, free_port

Here = Callable[..., str]

CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
LOCUSTFILE = """
from locust import FastHttpUser, task
class Visitor(FastHttpUser):
    @task
    def home(self):
        self.client.get("/home")
"""


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), CONFIG) as server:
        yield server.url


@pytest.fixture
def grafana() -> Iterator[GrafanaStandIn]:
    with grafana_standin() as standin:
        yield standin


@pytest.fixture
def loading(tailgate: Command, objectives: Callable[..., str]) -> list[str]:
    """The arguments of a run of a few seconds; a host has to be added."""
    (tailgate.cwd / "visitor.py").write_text(LOCUSTFILE)
    (tailgate.cwd / "token").write_text(f"{EDITOR}\n")
    slo = objectives(("kept", "availability", None, None, "0.9"), ("quick", "latency", "GET /home", "2s", "0.9"))
    return ["run", "-f", "visitor.py", "--profile", "quick.yaml", "--slo", slo]


@pytest.fixture
def here(tailgate: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs the command in this process; it has to refuse, and what it says is returned."""
    monkeypatch.chdir(tailgate.cwd)
    for variable in (names.ENV_GRAFANA_TOKEN, names.ENV_GRAFANA_TOKEN_FILE):
        monkeypatch.delenv(variable, raising=False)

    def run(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["tailgate", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2
        return " ".join(capsys.readouterr().err.split())

    return run


def silences(manager: str, state: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{manager}/api/v2/silences", timeout=10) as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())
    return [each for each in found if each["status"]["state"] == state]


@needs_alertmanager
@pytest.mark.xdist_group("load")
def test_a_run_is_silenced_and_marked_until_it_ends(
    tailgate: Command, loading: list[str], foreign_api: str, manager: str, grafana: GrafanaStandIn
) -> None:
    before = {each["id"] for each in silences(manager, "expired")}
    process = tailgate.start(
        *loading, "--host", foreign_api, "--alertmanager", manager, "--tag", "job=https://ci.test/7",
        "--grafana", grafana.url, "--grafana-token-file", "token", "--json",
    )  # fmt: skip
    (silence,) = eventually(lambda: silences(manager, "active"))
    (matcher,) = silence["matchers"]
    assert matcher["name"] == names.LABEL_SLO_ID
    begin, end = (datetime.fromisoformat(silence[key]) for key in ("startsAt", "endsAt"))
    assert (end - begin).total_seconds() == pytest.approx(30 + 2.5 + 5, abs=1)  # its start, the load, the drain
    assert matcher["value"].replace("\\", "").split("|") == ["tailgate-test-kept", "tailgate-test-quick"]
    (annotation,) = eventually(lambda: list(grafana.annotations.values()))
    assert "under way" in annotation["text"]
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert silences(manager, "active") == []
    assert {each["id"] for each in silences(manager, "expired")} - before == {silence["id"]}
    (annotation,) = grafana.annotations.values()
    bundle = json.loads(out)["bundle"]
    run = json.loads((tailgate.cwd / bundle / "run.json").read_text())
    assert annotation["tags"] == [names.GRAFANA_RUN_TAG, "profile:quick", "verdict:pass"]
    assert annotation["time"] == round(run["began"] * 1000)
    assert annotation["timeEnd"] == round((run["began"] + run["seconds"]) * 1000)
    for said in (run["id"], "https://ci.test/7", "report.html", foreign_api):
        assert said in annotation["text"]


@needs_alertmanager
def test_a_run_whose_terminal_is_closed_lifts_its_silence_and_says_so(
    tailgate: Command, loading: list[str], foreign_api: str, manager: str, grafana: GrafanaStandIn
) -> None:
    tailgate.environment[names.ENV_GRAFANA_TOKEN] = EDITOR
    process = tailgate.start(*loading, "--host", foreign_api, "--alertmanager", manager, "--grafana", grafana.url)
    eventually(lambda: list(tailgate.cwd.glob("runs/*/latency.hlog")))
    assert len(silences(manager, "active")) == 1
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert silences(manager, "active") == []
    (annotation,) = grafana.annotations.values()
    assert "verdict:interrupted" in annotation["tags"]


@needs_alertmanager
def test_of_a_load_that_never_began_neither_is_left(
    here: Here, loading: list[str], manager: str, grafana: GrafanaStandIn
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    told = ("--alertmanager", manager, "--grafana", grafana.url, "--grafana-token-file", "token")
    complaint = here(*loading, "--host", nowhere, *told)
    assert "nothing answers" in complaint
    assert silences(manager, "active") == []
    assert grafana.annotations == {}
    assert grafana.written == ["POST /api/annotations", "DELETE /api/annotations/1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--alertmanager", "NOWHERE"], "NOWHERE: cannot be asked"),
        (["--alertmanager", "127.0.0.1:9093"], "no address of an Alertmanager"),
        (["--alertmanager", "API"], "API: what answers there is no Alertmanager"),
        (["--alertmanager", "NOWHERE", "--profile", "", "-u", "1"], "only the locustfile knows it; give -t"),
        (["--grafana", "NOWHERE", "--grafana-token-file", "token"], "NOWHERE: cannot be asked"),
        (["--grafana", "GRAFANA/none", "--grafana-token-file", "token"], "GRAFANA/none: what answers there is no Graf"),
        (["--grafana", "GRAFANA", "--grafana-token-file", "bad"], "does not know the token"),
        (["--grafana", "GRAFANA"], "asks for a token"),
        (["--grafana", "GRAFANA", "--grafana-token-file", "none"], "none: cannot be read"),
        (["--grafana", "GRAFANA", "--grafana-token-file", "empty"], "empty: holds no token"),
        (["--grafana", "GRAFANA", "--grafana-token-file", "binary"], "binary: holds no token"),
        (["--alertmanager", "NOWHERE", "--slo", ""], "without objectives there are no alerts"),
        (["--worker", "--alertmanager", "NOWHERE"], "--worker"),
    ],
)
def test_who_cannot_be_told_is_named_before_any_load(
    tailgate: Command,
    here: Here,
    loading: list[str],
    foreign_api: str,
    grafana: GrafanaStandIn,
    arguments: list[str],
    said: str,
) -> None:
    for name, content in (("bad", b"glsa_revoked"), ("empty", b" \n"), ("binary", b"\xff\x00")):
        (tailgate.cwd / name).write_bytes(content)
    places = {"NOWHERE": f"http://127.0.0.1:{free_port()}", "GRAFANA": grafana.url, "API": foreign_api}

    def placed(text: str) -> str:
        for place, address in places.items():
            text = text.replace(place, address)
        return text

    complaint = here(*loading, "--host", foreign_api, *map(placed, arguments))
    assert placed(said) in complaint
    assert "glsa_revoked" not in complaint
    assert not (tailgate.cwd / "runs").exists()
    assert grafana.annotations == {}
