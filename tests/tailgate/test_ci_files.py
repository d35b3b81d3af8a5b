"""The actions and workflows: what they may do, and what their steps do in a runner's hands."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import tailgate_slo
import yaml
from tailgate_loadtest.report.regression.write import write

from tailgate import settings
from tests.loadtest.comparisons import comparison
from tests.loadtest.test_loosened import latency
from tests.tailgate.conftest import Command
from tests.tailgate.shop import git

CI = Path(__file__).parents[2] / "loadtest" / "ci"
ACTIONS = {"gate": CI / "action.yml", "comment": CI / "comment" / "action.yml"}
TEMPLATES = CI.parents[1] / "tailgate" / "templates"
"""What `tailgate init` writes."""
WORKFLOWS = {
    "gate": TEMPLATES / "gate.yml",
    "run": TEMPLATES / "run.yml",
    "comment": CI / "github" / "comment.yml",
}
FILES = [*ACTIONS.values(), *WORKFLOWS.values()]
GITLAB = CI / "gitlab.yml"
PAGE = CI.parents[1] / "docs" / "ci.md"

TAILGATE = f"""#!{sys.executable}
import json, os, signal, sys, time
from pathlib import Path

here = Path(os.environ["RUNNER_TEMP"])
(here / "asked.json").write_text(json.dumps(sys.argv[1:]))
out = Path(sys.argv[sys.argv.index("--out") + 1]) if "--out" in sys.argv else here

def end(*_):
    (here / "interrupted").touch()
    sys.exit(130)

signal.signal(signal.SIGINT, end)
if "--wait" in sys.argv:
    print("ready", flush=True)
    time.sleep(60)
run = out / "20260528T200000Z-0123456789ab-ab"
run.mkdir()
(run / "comparison.json").write_text("{{}}")
(run / "summary.md").write_text("### the summary\\n")
(out / "latest").symlink_to(run.name)
sys.exit(1 if "--worse" in sys.argv else 0)
"""


def read(path: Path) -> Any:
    # YAML 1.1 takes the key `on` for a truth.
    document = yaml.safe_load(path.read_text())
    return {("on" if key is True else key): value for key, value in document.items()}


def steps(path: Path) -> list[dict[str, Any]]:
    document = read(path)
    return (
        document["runs"]["steps"] if "runs" in document else [s for j in document["jobs"].values() for s in j["steps"]]
    )


@dataclass
class Runner:
    """Runs the steps of an action as GitHub's runner does: each a shell of its own, with what the ones before said."""

    temp: Path
    inputs: dict[str, str]
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    def step(self, name: str) -> dict[str, Any]:
        (found,) = [each for each in steps(ACTIONS["gate"]) if each["name"] == name]
        return found

    def start(self, name: str) -> subprocess.Popen[str]:
        step = self.step(name)
        script = self.temp / "step.sh"
        script.write_text(step["run"])
        return subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            env=self.environment() | {key: self.filled(value) for key, value in step.get("env", {}).items()},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, name: str) -> int:
        (self.temp / "output").write_text("")
        process = self.start(name)
        process.communicate(timeout=60)
        said = dict(line.split("=", 1) for line in (self.temp / "output").read_text().splitlines())
        self.outputs[self.step(name).get("id", name)] = said
        return process.returncode

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTION_PATH": str(self.temp / "action"),
            "GITHUB_OUTPUT": str(self.temp / "output"),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
        }

    def filled(self, text: str) -> str:
        def fill(found: re.Match[str]) -> str:
            path = found[1].split(".")
            if path[0] == "inputs":
                return self.inputs[path[1]]
            return self.outputs.get(path[1], {}).get(path[3], "")

        return re.sub(r"\$\{\{ (\S+) \}\}", fill, text)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """A runner on which tailgate is another program, that writes down what it was asked."""
    for path, text in (("action/install.sh", "#!/bin/sh\n"), ("tailgate/bin/tailgate", TAILGATE)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(0o755)
    defaults = {name: each.get("default", "") for name, each in read(ACTIONS["gate"])["inputs"].items()}
    made = Runner(temp=tmp_path, inputs=defaults)
    assert made.run("Install tailgate") == 0
    return made


def asked(runner: Runner) -> list[str]:
    return list(yaml.safe_load((runner.temp / "asked.json").read_text()))


def test_the_command_gets_its_arguments_and_its_exit_code_is_the_steps(runner: Runner) -> None:
    runner.inputs |= {"arguments": "--budget 5m\n  --worse\n", "on-inconclusive": "neutral"}
    assert runner.run("Compare") == 1
    runs = runner.outputs["place"]["runs"]
    assert asked(runner) == ["ab", "--out", runs, "--on-inconclusive", "neutral", "--budget", "5m", "--worse"]


def test_no_argument_is_run_as_a_command(runner: Runner) -> None:
    trap = runner.temp / "trap"
    runner.inputs["arguments"] = f"$(touch {trap}) `touch {trap}` ; touch {trap} 'a b' *"
    assert runner.run("Compare") == 0
    assert not trap.exists()
    assert asked(runner)[5:] == ["$(touch", f"{trap})", "`touch", f"{trap}`", ";", "touch", str(trap), "'a", "b'", "*"]


def test_cancelling_a_job_reaches_the_command(runner: Runner) -> None:
    runner.inputs["arguments"] = "--wait"
    process = runner.start("Compare")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)  # to the step's own process alone, as the runner does
        process.communicate(timeout=10)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == 130
    assert (runner.temp / "interrupted").exists()


def test_what_was_found_is_shown_and_told_even_if_it_is_worse(runner: Runner) -> None:
    runner.inputs["arguments"] = "--worse"
    runner.run("Compare")
    assert runner.run("Show") == 0
    assert (runner.temp / "summary").read_text() == "### the summary\n"
    directory = Path(runner.outputs["outcome"]["directory"])
    assert directory.name == "20260528T200000Z-0123456789ab-ab"


def test_where_nothing_was_found_nothing_is_shown_or_told(runner: Runner) -> None:
    assert runner.run("Show") == 0
    assert runner.outputs["outcome"] == {}
    runner.outputs.clear()
    assert runner.run("Show") == 0
    assert runner.outputs["outcome"] == {}


def test_each_use_of_the_action_has_a_place_of_its_own(runner: Runner) -> None:
    first = runner.outputs["place"]["runs"]
    runner.run("Install tailgate")
    assert runner.outputs["place"]["runs"] != first


def test_what_was_found_is_kept_whatever_the_verdict() -> None:
    kept = [step for step in steps(ACTIONS["gate"]) if "upload-artifact" in step.get("uses", "")]
    assert [step["if"].split(" && ")[0] for step in kept] == ["always()", "always()"]
    assert kept[1]["with"]["path"].endswith("/comparison.json")


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_whatever_others_made_is_pinned_by_its_whole_hash(path: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    assert used
    for what, rest in used:
        if what.startswith("OWNER/tailgate/"):
            assert what.endswith("@COMMIT")
        else:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", what)
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", rest)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_nothing_is_written_into_a_script_by_the_runner(path: Path) -> None:
    assert not [step for step in steps(path) if "${{" in step.get("run", "")]


@pytest.mark.parametrize("name", ["gate", "run"])
def test_what_runs_the_projects_code_may_only_read_and_leaves_no_token_behind(name: str) -> None:
    workflow = read(WORKFLOWS[name])
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    (checkout,) = [step for step in steps(WORKFLOWS[name]) if "checkout" in step.get("uses", "")]
    assert checkout["with"]["persist-credentials"] is False
    assert "token" not in ACTIONS["gate"].read_text().lower()


def test_the_gate_has_all_of_the_history() -> None:
    (checkout,) = [step for step in steps(WORKFLOWS["gate"]) if "checkout" in step["uses"]]
    assert checkout["with"]["fetch-depth"] == 0


def test_init_writes_the_gate_of_the_page_and_a_run_for_the_nights(tmp_path: Path) -> None:
    done = Command(tmp_path).here("init", "--host", "http://shop.test:8000", "--json")
    assert done.returncode == 0, done.stderr
    written = {path.name: path for path in map(Path, json.loads(done.stdout)["written"]) if path.suffix == ".yml"}
    places = dict(re.findall(r"\[`\w+.yml`\]\(\.\./(\S+)\) becomes `\.github/workflows/(\S+)`", PAGE.read_text()))
    assert {str(path.relative_to(CI.parents[1])) for path in TEMPLATES.glob("*.yml")} == places.keys()
    for template, name in places.items():
        text = (CI.parents[1] / template).read_text()
        filled = text.replace("@VERSION@", version("tailgate")).replace("@HOST@", "http://shop.test:8000")
        assert (tmp_path / written[name]).read_text() == filled
        assert text.startswith(f"# .github/workflows/{name}: ")
    assert read(WORKFLOWS["gate"])["on"] == "pull_request"
    assert read(WORKFLOWS["run"])["on"].keys() == {"schedule", "workflow_dispatch"}


@pytest.mark.parametrize(
    "host", ["shop", 'http://shop"', "http://shop\n- run: true", "http://ada:sesame@shop", "http://shop/?key=sesame"]
)
def test_an_address_that_cannot_stand_in_every_file_is_refused(tmp_path: Path, host: str) -> None:
    done = Command(tmp_path).here("init", "--host", host)
    assert done.returncode == 2
    assert "--host: give an address like http://127.0.0.1:8000" in " ".join(done.stderr.split())
    assert "sesame" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_gate_that_init_writes_says_what_it_lacks(tmp_path: Path) -> None:
    command = Command(tmp_path)
    assert command.here("init").returncode == 0
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    (arguments,) = [step["with"]["arguments"] for step in steps(WORKFLOWS["gate"]) if "tailgate" in step["uses"]]
    done = command.here("ab", "--base", "HEAD", *arguments.split())
    assert done.returncode == 2
    assert "tailgate.yaml does not say how a revision is started: add `service:`" in " ".join(done.stderr.split())


def test_the_service_that_init_proposes_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Command(tmp_path).here("init").returncode == 0
    path = tmp_path / "tailgate.yaml"
    path.write_text(re.sub(r"(?m)^# (service:|  \w+:)", r"\1", path.read_text()))
    monkeypatch.chdir(tmp_path)
    assert settings.load().service.starts


@pytest.mark.parametrize("found", [True, False])
def test_a_nightly_run_is_shown_and_kept_where_there_is_one(tmp_path: Path, found: bool) -> None:
    if found:
        (tmp_path / "runs" / "one").mkdir(parents=True)
        (tmp_path / "runs" / "latest").symlink_to("one")
        for name in ("run.json", "summary.md"):
            (tmp_path / "runs" / "one" / name).write_text(f"the {name}\n")
    (show,) = [step for step in steps(WORKFLOWS["run"]) if step.get("id") == "outcome"]
    (keep,) = [step for step in steps(WORKFLOWS["run"]) if "upload-artifact" in step.get("uses", "")]
    told, summary = tmp_path / "told", tmp_path / "summary"
    environment = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(told), "GITHUB_STEP_SUMMARY": str(summary)}
    subprocess.run(["bash", "-euo", "pipefail", "-c", show["run"]], cwd=tmp_path, env=environment, check=True)
    assert (show["if"], keep["if"].split(" && ")[0]) == ("always()", "always()")
    if found:
        assert told.read_text() == f"directory={tmp_path / 'runs' / 'one'}\n"
        assert summary.read_text() == "the summary.md\n"
    else:
        assert not told.exists()


def test_what_may_write_checks_nothing_out_and_runs_nothing_of_the_change() -> None:
    workflow = read(WORKFLOWS["comment"])
    assert workflow["on"] == {"workflow_run": {"workflows": [read(WORKFLOWS["gate"])["name"]], "types": ["completed"]}}
    assert workflow["permissions"] == {"actions": "read", "pull-requests": "write"}
    everything = [*steps(WORKFLOWS["comment"]), *steps(ACTIONS["comment"])]
    assert not [step for step in everything if "checkout" in step.get("uses", "")]


def test_the_comment_fetches_what_the_gate_keeps() -> None:
    gate, comment = read(ACTIONS["gate"]), read(ACTIONS["comment"])
    assert comment["inputs"]["artifact"]["default"] == f"{gate['inputs']['artifact']['default']}-document"


def test_the_installer_is_the_checkouts_own_and_pins_everything() -> None:
    text = (CI / "install.sh").read_text()
    assert os.access(CI / "install.sh", os.X_OK)
    assert subprocess.run(["sh", "-n", CI / "install.sh"], check=False).returncode == 0
    installs = re.findall(r"pip\"? (?:pip )?install .*(?:\\\n.*)?", text)
    assert len(installs) == 3
    assert all("--constraint requirements.lock" in each or "--require-hashes" in each for each in installs)


def test_gitlab_gets_every_report_from_where_it_is_put() -> None:
    (job,) = read(GITLAB).values()
    reports = job["artifacts"]["reports"]
    assert job["artifacts"]["when"] == "always"
    assert {Path(path).parent.name for path in reports.values()} == {"tailgate-comparison"}
    assert {name: Path(path).name for name, path in reports.items()} == {
        "junit": "junit.xml",
        "metrics": "metrics.txt",
        "load_performance": "load-performance.json",
    }


def test_gitlab_compares_only_what_has_a_commit_before_it() -> None:
    """Of pipelines by a schedule or by hand CI_COMMIT_BEFORE_SHA is nothing but zeros, and no revision."""
    (job,) = read(GITLAB).values()
    source = "$CI_PIPELINE_SOURCE == "
    assert [[part for part in rule["if"].split(" && ") if source in part] for rule in job["rules"]] == [
        [f'{source}"merge_request_event"'],
        [f'{source}"push"'],
    ]
    assert not [rule for rule in job["rules"] if "||" in rule["if"]]


def test_the_copy_that_gitlab_keeps_holds_files_and_no_link(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    (run / "junit.xml").write_text("<testsuites/>")
    (tmp_path / "runs" / "latest").symlink_to("one")
    (job,) = read(GITLAB).values()
    subprocess.run(["sh", "-ec", "\n".join(job["after_script"])], cwd=tmp_path, check=True)
    kept = tmp_path / "tailgate-comparison"
    assert not kept.is_symlink()
    assert (kept / "junit.xml").is_file()


def test_every_option_that_the_files_give_is_one_of_the_command(tmp_path: Path) -> None:
    known = Command(tmp_path).here("ab", "--help").stdout
    given = {
        option
        for path in (ACTIONS["gate"], WORKFLOWS["gate"], GITLAB)
        for line in path.read_text().splitlines()
        if 'tailgate" ab' in line or "tailgate ab" in line or "arguments:" in line
        for option in re.findall(r"(?<!\S)--[a-z-]+", line)
    }
    assert given >= {"--out", "--on-inconclusive", "--budget", "--base"}
    assert {option for option in given if option not in known} == set()


def test_the_gate_on_the_page_about_ci_is_one() -> None:
    text = PAGE.read_text()
    example = re.search(r"\n\n((?:    .*\n)*    kind: Gate\n(?:    .*\n)*)", text)
    assert example is not None
    objectives = tailgate_slo.parse((latency() + "---\n" + textwrap.dedent(example[1])).encode(), "slo.yaml")
    (entry,) = objectives.gate("load").accept
    assert (entry.measure, entry.bound) == ("latency", Decimal("0.3"))


def test_the_page_about_ci_names_every_file_that_is_written(tmp_path: Path) -> None:
    write(tmp_path, comparison())
    assert [path.name for path in tmp_path.iterdir() if f"`{path.name}`" not in PAGE.read_text()] == []
