"""What a user can get wrong: one sentence, the right exit code, quickly."""

from collections.abc import Callable

import pytest

from tests.tailgate.conftest import Command, free_port

LOCUSTFILE = """
from locust import FastHttpUser, task
class Visitor(FastHttpUser):
    @task
    def home(self):
        self.client.get("/home")
"""


@pytest.fixture
def locustfile(tailgate: Command) -> str:
    (tailgate.cwd / "visitor.py").write_text(LOCUSTFILE)
    return "visitor.py"


def test_nothing_at_the_host_is_said_in_one_sentence(tailgate: Command, locustfile: str) -> None:
    host = f"http://127.0.0.1:{free_port()}"
    done = tailgate.here("run", "--host", host, "-f", locustfile, "--profile", "quick.yaml")
    assert done.returncode == 2
    assert host in done.stderr
    assert "nothing answers" in done.stderr
    assert not (tailgate.cwd / "runs").exists()


def test_a_misspelt_route_is_inconclusive_and_the_nearest_is_named(
    tailgate: Command, locustfile: str, foreign_api: str, objectives: Callable[..., str]
) -> None:
    slo = objectives(("typo", "latency", "GET /hom", "1s", "0.9"))
    done = tailgate.here("run", "--host", foreign_api, "-f", locustfile, "--profile", "quick.yaml", "--slo", slo)
    assert done.returncode == 3, done.stderr
    assert "did you mean GET /home?" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--profile", "smoek"], "smoke"),
        (["--profile", "bad.yaml"], "stages[0].duration"),
        (["--slo", "bad-slo.yaml"], "spec.objectives[0].target"),
        (["--slo", "none.yaml"], "none.yaml"),
        (["-f", "none.py"], "none.py"),
        (["--db-rtt", "soon"], "--db-rtt"),
        (["--tag", "novalue"], "novalue"),
        (["--profile", "smoke", "-u", "3"], "--profile"),
        (["--variant", "sideways"], "sideways"),
        (["--host", "localhost:8000"], "localhost:8000"),
        (["--host", "https://127.0.0.1:1", "--cacert", "none.pem"], "--cacert none.pem"),
        (["--host", "https://127.0.0.1:1", "--cert", "bad.yaml"], "--cert bad.yaml"),
        (["--host", "https://127.0.0.1:1", "--key", "bad.yaml"], "--key bad.yaml"),
        (["--metrics", "foo"], "--metrics is for an API that --host names"),
        (["--insecure"], "--insecure is for an API that --host names"),
        (["--host", "http://user:secret@127.0.0.1:1"], "user name or password"),
        (["--host", "http://127.0.0.1:1", "--metrics", "foo"], "--metrics: 'foo' is no address"),
    ],
)
def test_a_wrong_option_or_file_is_named(
    tailgate: Command, objectives: Callable[..., str], arguments: list[str], named: str
) -> None:
    (tailgate.cwd / "bad.yaml").write_text("stages: [{duration: often, rate: 1}]\n")
    objectives(("bad", "availability", None, None, "99"), name="bad-slo.yaml")
    done = tailgate.here("run", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret@" not in done.stderr or named == "user name or password"


def test_an_unknown_key_in_the_settings_file_is_named(tailgate: Command) -> None:
    (tailgate.cwd / "tailgate.yaml").write_text("hots: http://127.0.0.1\n")
    done = tailgate("run")
    assert done.returncode == 2
    assert "tailgate.yaml: unknown key 'hots'; did you mean host?" in done.stderr


def test_a_locustfile_that_cannot_be_read_is_named(tailgate: Command, foreign_api: str) -> None:
    (tailgate.cwd / "broken.py").write_text("def :\n")
    done = tailgate.here("run", "--host", foreign_api, "-f", "broken.py", "--profile", "quick.yaml")
    assert done.returncode == 2
    assert "broken.py" in done.stderr
    assert "SyntaxError" in done.stderr


MIXED = "name: mixed\nstages: [{duration: 1s, rate: 5}]\nmix: {Visitor: 1, Vistor: 1}\n"


@pytest.mark.parametrize("more", [[], ["--plan"], ["--processes", "2"]], ids=["a run", "a plan", "a master"])
def test_a_persona_of_the_mix_that_the_locustfile_lacks_is_named_before_any_load(
    tailgate: Command, locustfile: str, foreign_api: str, more: list[str]
) -> None:
    (tailgate.cwd / "mixed.yaml").write_text(MIXED)
    done = tailgate.here("run", "--host", foreign_api, "-f", locustfile, "--profile", "mixed.yaml", *more)
    assert done.returncode == 2, done.stdout
    assert "profile 'mixed': mix: no user class is called 'Vistor'; there are Visitor" in done.stderr
    assert not [path for path in tailgate.cwd.glob("runs/*") if path.is_dir()]


def test_a_directory_that_is_no_bundle_is_named(tailgate: Command) -> None:
    done = tailgate.here("gate", ".")
    assert done.returncode == 2
    assert "no run bundle" in done.stderr


def test_a_bundle_of_a_newer_schema_is_refused_by_name(tailgate: Command) -> None:
    (tailgate.cwd / "run.json").write_text('{"schema": "tailgate/run/v9"}')
    done = tailgate.here("gate", ".")
    assert done.returncode == 2
    assert "tailgate/run/v9" in done.stderr
    assert "newer" in done.stderr
