"""``tailgate dashboards build`` and ``check``: what is not as the objectives say is found, named and put right."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import tailgate_slo

from tailgate.main import main
from tests.tailgate.conftest import SCRIPT

ROOT = Path(__file__).parents[2]
REFERENCE = tailgate_slo.reference_path().read_text()
API = "boards/tailgate-api.json"
RULES = "rules/tailgate.yaml"
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs the command in this process, where slo.yaml is a short file."""
    monkeypatch.chdir(tmp_path)
    # The first of its objectives: a file of sixty takes a second each time.
    Path("slo.yaml").write_text("---".join(REFERENCE.split("\n---\n")[:3]).replace("---apiV", "\n---\napiV"))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["tailgate", "dashboards", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, " ".join(said.err.split())

    return run


@pytest.fixture
def built(ask: Ask) -> Path:
    assert ask("build", "-o", "out")[0] == 0
    return Path("out")


def drifted(ask: Ask) -> dict[str, str]:
    """What ``check`` finds, by path."""
    code, out, _ = ask("check", "-o", "out", "--json")
    found = {each["path"]: each["what"] for each in json.loads(out)["drifted"]}
    assert code == bool(found)
    return found


def contents(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_what_lies_in_this_repository_is_what_the_reference_objectives_say() -> None:
    done = subprocess.run(
        [SCRIPT, "dashboards", "check", "slo/reference.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_was_built_is_in_order_and_built_again_byte_for_byte_the_same(ask: Ask, built: Path) -> None:
    before = contents(built)
    assert len(before) == 6
    assert drifted(ask) == {}
    code, out, _ = ask("build", "-o", "out", "--json")
    assert code == 0
    assert json.loads(out)["changed"] == []
    assert contents(built) == before


def test_one_threshold_changed_is_drift_of_the_rules_and_of_the_board_that_draws_it(ask: Ask, built: Path) -> None:
    file = Path("slo.yaml")
    text = file.read_text()
    assert "value: 0.5" in text
    file.write_text(text.replace("value: 0.5", "value: 0.25"))
    assert drifted(ask) == {API: "changed", RULES: "changed", "boards/tailgate-objectives.json": "changed"}
    code, out, _ = ask("check", "-o", "out")
    assert code == 1
    assert f"out/{API}: changed" in out
    assert out.endswith("3 files are not what slo.yaml says: tailgate dashboards build slo.yaml -o out\n")
    _, out, _ = ask("check", "-o", "out", "--json")
    [diff] = [each["diff"] for each in json.loads(out)["drifted"] if each["path"] == API]
    assert '-          "legendFormat": "objective: 500 ms"' in diff
    assert '+          "legendFormat": "objective: 250 ms"' in diff
    assert ask("build", "-o", "out")[0] == 0
    assert drifted(ask) == {}


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda path: path.write_bytes(path.read_bytes().replace(b"API", b"api")), "changed"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "changed"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "changed"),
        (lambda path: path.write_bytes(b""), "changed"),
        (lambda path: path.unlink(), "missing"),
    ],
    ids=["edited", "no text", "a line more", "emptied", "gone"],
)
def test_a_board_that_somebody_changed_is_found_and_put_right(
    ask: Ask, built: Path, damage: Callable[[Path], object], what: str
) -> None:
    before = contents(built)
    damage(built / API)
    assert drifted(ask) == {API: what}
    assert ask("build", "-o", "out")[0] == 0
    assert contents(built) == before


def test_a_board_that_the_objectives_have_no_longer_is_removed_and_nobody_elses(ask: Ask, built: Path) -> None:
    stray, other = built / "boards/tailgate-gone.json", built / "boards/mine.json"
    for path in (stray, other):
        path.write_text("{}")
    assert drifted(ask) == {"boards/tailgate-gone.json": "stray"}
    code, out, _ = ask("build", "-o", "out")
    assert (code, stray.exists(), other.exists()) == (0, False, True)
    assert "removed: out/boards/tailgate-gone.json" in out


def test_a_directory_that_is_not_there_has_everything_missing(ask: Ask) -> None:
    assert set(drifted(ask).values()) == {"missing"}
    assert not Path("out").exists()


def test_what_cannot_be_written_or_read_is_named(ask: Ask, built: Path) -> None:
    (built / API).unlink()
    (built / API).mkdir()
    for verb in ("check", "build"):
        code, _, err = ask(verb, "-o", "out")
        assert (code, err) == (2, f"tailgate: out/{API}: Is a directory")
    code, _, err = ask("build", "-o", "slo.yaml")
    assert code == 2
    assert "slo.yaml" in err


def test_objectives_that_are_wrong_write_nothing(ask: Ask) -> None:
    Path("slo.yaml").write_text("apiVersion: openslo/v1\nkind: SLO\n")
    code, _, err = ask("build", "-o", "out")
    assert code == 2
    assert "slo.yaml" in err
    assert not Path("out").exists()
