"""``tailgate dashboards push``: the compiled boards into a Grafana, here the stand-in of ``grafana_standin``."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tailgate_slo
from tailgate_otel import names

from tailgate.main import main
from tests.dashboards.grafana_standin import ADMIN, EDITOR, GrafanaStandIn, grafana_standin

SLO = str(tailgate_slo.reference_path())
Push = Callable[..., tuple[int, str, str]]


@pytest.fixture
def grafana() -> Iterator[GrafanaStandIn]:
    with grafana_standin() as standin:
        yield standin


@pytest.fixture
def push(
    tmp_path: Path, grafana: GrafanaStandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Push:
    """Runs the command in this process, where the environment names the Grafana and a token."""

    def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
        given = {names.ENV_GRAFANA_URL: grafana.url, names.ENV_GRAFANA_TOKEN: EDITOR, **environment}
        for name in (names.ENV_GRAFANA_URL, names.ENV_GRAFANA_TOKEN, names.ENV_GRAFANA_TOKEN_FILE):
            monkeypatch.setenv(name, given[name]) if given.get(name) else monkeypatch.delenv(name, raising=False)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", ["tailgate", "dashboards", "push", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, " ".join(said.err.split())

    return run


def actions(out: str) -> dict[str, str]:
    changes: list[dict[str, Any]] = json.loads(out)["changes"]
    return {change["uid"]: change["action"] for change in changes}


def test_every_board_is_pushed_once(push: Push, grafana: GrafanaStandIn) -> None:
    code, out, err = push(SLO, "--json")
    assert code == 0, err
    assert set(actions(out).values()) == {"create"}
    assert {"tailgate", names.GRAFANA_LOAD_TEST_BOARD, "tailgate-objectives"} <= actions(out).keys()
    assert grafana.boards.keys() == actions(out).keys() - {names.GRAFANA_FOLDER}
    written = list(grafana.written)
    code, out, _ = push(SLO)
    assert code == 0
    assert "folder Tailgate: as it should be\n" in out
    assert out.count("as it should be") == len(grafana.boards) + 1
    assert grafana.written == written


def test_a_dry_run_shows_what_one_threshold_changes_and_writes_nothing(
    push: Push, grafana: GrafanaStandIn, tmp_path: Path
) -> None:
    push(SLO)
    written = list(grafana.written)
    text = Path(SLO).read_text(encoding="utf-8")
    (tmp_path / "slo.yaml").write_text(text.replace("threshold: 500ms", "threshold: 250ms"))
    code, out, _ = push("--dry-run")
    assert code == 0
    assert "to be updated" in out
    assert "\n-" in out
    assert "\n+" in out
    assert "0.25" in out
    assert grafana.written == written


def test_on_a_grafana_without_any_a_dry_run_names_what_it_would_make(push: Push, grafana: GrafanaStandIn) -> None:
    code, out, _ = push(SLO, "--dry-run", "--folder", "Shop")
    assert code == 0
    assert "folder Shop: to be created\n" in out
    assert grafana.written == []


def test_data_sources_are_made_by_who_may(push: Push, grafana: GrafanaStandIn, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{ADMIN}\n")
    sources = ("--prometheus", "http://prometheus:9090", "--tempo", "http://tempo:3200")
    code, _, err = push(SLO, *sources)
    assert code == 2
    assert "role Admin" in err
    code, _, err = push(SLO, *sources, "--grafana-token-file", "token")
    assert code == 0, err
    assert grafana.sources.keys() == {names.GRAFANA_PROMETHEUS, names.GRAFANA_TEMPO}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({names.ENV_GRAFANA_URL: ""}, f"Give --grafana URL, or set {names.ENV_GRAFANA_URL}"),
        ({names.ENV_GRAFANA_TOKEN: ""}, "asks for a token"),
        ({names.ENV_GRAFANA_TOKEN: "glsa_revoked"}, "does not know the token"),
        ({names.ENV_GRAFANA_TOKEN: "two words"}, f"{names.ENV_GRAFANA_TOKEN}: holds no token"),
        ({names.ENV_GRAFANA_TOKEN_FILE: "none"}, "none: cannot be read"),
    ],
)
def test_what_is_missing_is_named(push: Push, grafana: GrafanaStandIn, environment: dict[str, str], said: str) -> None:
    code, _, err = push(SLO, **environment)
    assert code == 2
    assert said in err
    assert "revoked" not in err
    assert grafana.written == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--folder", " "), "--folder: a folder needs a title"),
        (("--prometheus", "foo"), "'foo' is no address of a Prometheus"),
        (("--tempo", "http://"), "is no address of a Tempo"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_asked(
    push: Push, grafana: GrafanaStandIn, arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = push(SLO, *arguments)
    assert code == 2
    assert said in err
    assert grafana.written == []


def test_an_old_grafana_is_left_as_it_is(push: Push) -> None:
    with grafana_standin("9.2.0") as old:
        code, _, err = push(SLO, "--grafana", old.url)
        assert code == 2
        assert "is a Grafana 9.2.0; the boards need 10.0 or later" in err
        assert old.written == []
