"""``tailgate compare``: of bundles that ``tailgate run`` wrote, and of whatever else it may be given."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tailgate_loadtest.judge.regression.document import ComparisonDocument

from tests.server import Response, Server

from .conftest import Command

LOCUSTFILE = """
from locust import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(0)

    @task
    def look(self):
        self.client.get("/shop")
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two runs of a service that answers, and one of a service that does not."""
    from .conftest import command_in

    directory = tmp_path_factory.mktemp("made")
    tailgate = command_in(directory)
    (directory / "locustfile.py").write_text(LOCUSTFILE)
    for status, where in ((200, "before"), (200, "now"), (500, "broken")):
        with Server(Response(status=status)) as server:
            load = ("--host", server.url, "-f", "locustfile.py", "--profile", "quick.yaml")
            done = tailgate.here("run", *load, "--out", where)
            assert done.returncode in (0, 1), done.stderr
    return directory


@pytest.fixture
def runs(made: Path, tailgate: Command) -> Path:
    """The runs, in the command's own directory."""
    shutil.copytree(made, tailgate.cwd, dirs_exist_ok=True, symlinks=True)
    return tailgate.cwd


def bundle_in(directory: Path) -> Path:
    return next(each.parent for each in directory.glob("*/run.json") if not each.parent.is_symlink())


def test_one_run_against_one_says_what_it_takes(runs: Path, tailgate: Command) -> None:
    done = tailgate.here("compare", "before", "now")
    assert done.returncode == 3, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "INCONCLUSIVE" in said
    assert "3 runs of each side" in said
    assert "tailgate ab" in said
    assert "GET /shop" in said


def test_the_document_is_printed_whole(runs: Path, tailgate: Command) -> None:
    done = tailgate.here("compare", str(bundle_in(runs / "before")), "now/latest", "--json")
    assert done.returncode == 3, done.stderr
    document = ComparisonDocument.model_validate_json(done.stdout)
    assert (document.kind, document.verdict, document.exit_code) == ("compare", "inconclusive", 3)
    assert document.base.bundles == (str(bundle_in(runs / "before")),)
    assert {cell.route for cell in document.cells} == {"GET /shop"}
    assert document.differences == ()


def test_a_service_that_answers_no_more_is_found_in_one_run(runs: Path, tailgate: Command) -> None:
    done = tailgate.here("compare", "before", "broken")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL" in done.stdout
    assert "failures" in done.stdout


def test_reports_are_written_where_asked(runs: Path, tailgate: Command) -> None:
    done = tailgate.here("compare", "before", "broken", "--out", "compared", "--json")
    assert done.returncode == 1, done.stderr
    assert json.loads((runs / "compared" / "comparison.json").read_text()) == json.loads(done.stdout)
    assert "shop" in (runs / "compared" / "report.html").read_text()


@pytest.mark.parametrize(("candidate", "code"), [("broken", 1), ("now", 3)])
def test_what_was_written_is_told_and_drawn_again(runs: Path, tailgate: Command, candidate: str, code: int) -> None:
    tailgate.here("compare", "before", candidate, "--out", "compared")
    kept = {path.name: path.read_bytes() for path in (runs / "compared").iterdir()}
    (runs / "compared" / "report.html").unlink()
    assert tailgate.here("report", "compared").stdout.strip() == "compared/report.html"
    again = tailgate.here("gate", "compared", "--json")
    assert again.returncode == code, again.stderr
    assert json.loads(again.stdout)["reasons"] == json.loads(kept["comparison.json"])["reasons"]
    assert {path.name: path.read_bytes() for path in (runs / "compared").iterdir()} == kept
    (runs / "compared" / "comparison.json").write_text("{}")
    assert tailgate.here("gate", "compared").returncode == 2


def test_a_directory_with_runs_is_not_written_into(runs: Path, tailgate: Command) -> None:
    done = tailgate.here("compare", "before", "now", "--out", str(bundle_in(runs / "now")))
    assert done.returncode == 2
    assert "holds runs itself" in " ".join(done.stderr.split())


def test_nothing_passes_without_an_answer(runs: Path, tailgate: Command) -> None:
    """Whatever is given instead of a sound bundle is named, and the exit code is never 0."""

    def damage(how: Callable[[Path], object]) -> tuple[int, str]:
        shutil.rmtree(runs / "damaged", ignore_errors=True)
        shutil.copytree(bundle_in(runs / "now"), runs / "damaged")
        how(runs / "damaged")
        done = tailgate.here("compare", "before", "damaged")
        return done.returncode, " ".join(done.stderr.split())

    def cut(name: str) -> Callable[[Path], object]:
        def half(bundle: Path) -> None:
            text = (bundle / name).read_bytes()
            (bundle / name).write_bytes(text[: len(text) // 2])

        return half

    for how, why in (
        (lambda bundle: (bundle / "run.json").unlink(), "is no run bundle"),
        (lambda bundle: (bundle / "latency.hlog").unlink(), "latency.hlog"),
        (lambda bundle: (bundle / "server.json").unlink(), "server.json"),
        (lambda bundle: (bundle / "latency.hlog").write_bytes(b"\xff\x00"), "latency.hlog"),
        (lambda bundle: (bundle / "run.json").write_text("[]"), "not a tailgate/run/v1 document"),
        (lambda bundle: (bundle / "run.json").write_text('{"schema": "tailgate/run/v9"}'), "newer tailgate"),
        (lambda bundle: (bundle / "slo.yaml").write_text("{"), "slo.yaml"),
        (cut("run.json"), "run.json"),
        (cut("latency.hlog"), "latency.hlog"),
    ):
        code, complaint = damage(how)
        assert code == 2, complaint
        assert why in complaint


def test_what_is_no_bundle_is_refused(runs: Path, refused: Callable[..., str]) -> None:
    (runs / "empty").mkdir()
    (runs / "foreign").mkdir()
    (runs / "foreign" / "results.csv").write_text("a,b\n")
    assert "empty: holds no run bundle" in refused("compare", "before", "empty")
    assert "foreign: holds no run bundle" in refused("compare", "before", "foreign")
    assert "nowhere: there is no such directory" in refused("compare", "before", "nowhere")
    assert "locustfile.py: there is no such directory" in refused("compare", "before", "locustfile.py")
    assert "are the same run" in refused("compare", "before", "before")
