"""The Kubernetes base: by Kubernetes' own schemas, by what must agree in it, and its commands as real processes."""

import json
import re
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml
from tailgate_otel.names import ENV_CREW_KEY

from tailgate import main
from tests.loadtest.conftest import Api
from tests.loadtest.deploy import (
    DEPLOY,
    PAGE,
    ROOT,
    Document,
    Manifests,
    as_built,
    as_overlaid,
    as_written,
    kustomization,
    overlay,
)
from tests.tailgate.conftest import Command, a_users_environment, free_port

OLDEST = "1.29"
"""Before it, a Job took no ``backoffLimitPerIndex`` unless its cluster was told to."""

WAYS = [as_written, *([as_built, as_overlaid] if shutil.which("kustomize") else [])]


@pytest.fixture(params=WAYS)
def manifests(request: pytest.FixtureRequest, tmp_path: Path) -> Manifests:
    """The base: as it is written, and where kustomize is at hand, as that makes it, alone and under an overlay."""
    return request.param(tmp_path)


def parameters(container: Document) -> Document:
    """What ``tailgate run`` makes of a container's arguments and environment."""
    verb, *arguments = container["args"]
    command = typer.main.get_command(main.command()).commands[verb]
    return command.make_context(verb, [*arguments, *by_environment(command, container)]).params


def by_environment(command: Any, container: Document) -> Iterator[str]:
    """Its variables as the options that they stand for; only the key is no option."""
    options = {option.envvar: option.opts[0] for option in command.params if option.envvar}
    for variable in container["env"]:
        if variable["name"] != ENV_CREW_KEY:
            yield f"{options[variable['name']]}={variable['value']}"


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_every_manifest_is_what_kubernetes_takes(manifests: Manifests, version: str) -> None:
    for document in manifests:
        kubernetes_validate.validate(document, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_would_be_found() -> None:
    document = as_written(DEPLOY).of("Job", "tailgate-workers")
    document["spec"]["template"]["spec"]["restartPolice"] = "Never"
    with pytest.raises(kubernetes_validate.ValidationError, match="restartPolice"):
        kubernetes_validate.validate(document, OLDEST, strict=True)


def test_the_base_and_its_directory_hold_the_same_files() -> None:
    listed = {*kustomization()["resources"], *kustomization()["configMapGenerator"][0]["files"]}
    there = {str(path.relative_to(DEPLOY)) for path in [*DEPLOY.glob("*.yaml"), *DEPLOY.glob("load/*.*")]}
    assert there - {"kustomization.yaml"} == listed


def test_the_number_of_workers_is_one_number(manifests: Manifests) -> None:
    workers = manifests.of("Job", "tailgate-workers")["spec"]
    assert workers["parallelism"] == workers["completions"]
    assert workers["completionMode"] == "Indexed"
    assert parameters(manifests.container("tailgate-master"))["expect_workers"] == workers["parallelism"]


def test_whoever_must_know_the_number_of_workers_has_it_from_their_job() -> None:
    (entry,) = (DEPLOY / directory for directory in kustomization()["transformers"])
    (file,) = yaml.safe_load((entry / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    (rule,) = yaml.safe_load((entry / file).read_text(encoding="utf-8"))["replacements"]
    written = as_written(DEPLOY)

    def value(selected: Document, path: str) -> Any:
        found: Any = written.of(selected["kind"], selected["name"])
        for step in path.split("."):
            by_name = re.fullmatch(r"\[name=(.*)\]", step)
            found = next(each for each in found if each["name"] == by_name[1]) if by_name else found[step]
        return found

    number = value(rule["source"], rule["source"]["fieldPath"])
    told = {each["select"]["name"]: value(each["select"], *each["fieldPaths"]) for each in rule["targets"]}
    assert number == written.of("Job", "tailgate-workers")["spec"]["parallelism"]
    assert told == {"tailgate-workers": number, "tailgate-master": str(number)}


def test_the_overlay_of_the_page_changes_what_is_there(tmp_path: Path) -> None:
    written, shown = as_written(tmp_path), overlay()
    (patch,) = (yaml.safe_load(each["patch"]) for each in shown["patches"])
    (generator,) = shown["configMapGenerator"]
    assert patch["metadata"]["name"] in written.names("Job")
    assert generator["name"] in written.names("ConfigMap")
    assert set(generator["files"]) == set(written.files)
    for directory in (*shown["resources"], *shown["transformers"]):
        assert (ROOT / Path(directory).relative_to("../tailgate") / "kustomization.yaml").is_file()
    if as_overlaid in WAYS:
        workers = as_overlaid(tmp_path).of("Job", "tailgate-workers")["spec"]
        assert workers["completions"] == patch["spec"]["parallelism"] == 8


def test_workers_find_the_master_and_nobody_else_does(manifests: Manifests) -> None:
    master, workers = (parameters(manifests.container(f"tailgate-{role}")) for role in ("master", "workers"))
    service = manifests.of("Service", workers["master_host"])["spec"]
    labels = {name: pod["metadata"]["labels"] for name, pod in manifests.pods.items()}
    (port,) = service["ports"]
    (opened,) = manifests.container("tailgate-master")["ports"]
    assert master["master"]
    assert workers["worker"]
    assert master["master_port"] == workers["master_port"] == port["port"] == opened["containerPort"]
    assert service["selector"] == labels["tailgate-master"]
    policy = manifests.of("NetworkPolicy", "tailgate-master")["spec"]
    (rule,) = policy["ingress"]
    assert policy["podSelector"]["matchLabels"] == labels["tailgate-master"]
    assert rule["from"] == [{"podSelector": {"matchLabels": labels["tailgate-workers"]}}]
    assert [port["targetPort"]] == [each["port"] for each in rule["ports"]] == [opened["name"]]


def test_what_a_pod_refers_to_is_there(manifests: Manifests) -> None:
    for pod in manifests.pods.values():
        spec = pod["spec"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert set(volumes) == {mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
        for volume in volumes.values():
            assert volume.get("configMap", {"name": None})["name"] in {None, *manifests.names("ConfigMap")}
            assert volume.get("persistentVolumeClaim", {"claimName": None})["claimName"] in {
                None,
                *manifests.names("PersistentVolumeClaim"),
            }


def test_both_sides_have_the_key_that_the_page_tells_to_make(manifests: Manifests) -> None:
    page = PAGE.read_text(encoding="utf-8")
    name, key = re.search(r"create secret generic (\S+) --from-literal=(\w+)=", page).groups()
    for owner in ("tailgate-master", "tailgate-workers"):
        variables = {each["name"]: each for each in manifests.container(owner)["env"]}
        assert variables[ENV_CREW_KEY]["valueFrom"] == {"secretKeyRef": {"name": name, "key": key}}
    assert not manifests.names("Secret")


def test_no_pod_has_more_rights_than_it_needs(manifests: Manifests) -> None:
    for pod in manifests.pods.values():
        spec, (container,) = pod["spec"], pod["spec"]["containers"]
        assert spec["automountServiceAccountToken"] is False
        assert (
            spec["securityContext"].items()
            >= {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            }.items()
        )
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_a_worker_has_a_whole_core_and_is_not_held_back(manifests: Manifests) -> None:
    resources = manifests.container("tailgate-workers")["resources"]
    assert resources["requests"] == resources["limits"]
    assert resources["limits"]["cpu"] == "1"


def test_a_load_is_never_begun_again(manifests: Manifests) -> None:
    master, workers = (manifests.of("Job", f"tailgate-{role}")["spec"] for role in ("master", "workers"))
    (rule,) = workers["podFailurePolicy"]["rules"]
    assert master["backoffLimit"] == 0
    assert rule["action"] == "FailIndex"
    assert rule["onExitCodes"] == {"containerName": "tailgate", "operator": "NotIn", "values": [2]}
    assert {each["template"]["spec"]["restartPolicy"] for each in (master, workers)} == {"Never"}


def test_the_image_is_of_this_version_by_whatever_way_it_is_named(manifests: Manifests) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    (image,) = kustomization()["images"]
    assert image == {"name": "tailgate", "newTag": version}
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"tailgate:([\d.]+\d)", page)) == {version}
    assert [each["newTag"] for each in overlay()["images"]] == [version]
    named = {manifests.container(owner)["image"] for owner in manifests.pods}
    assert len(named) == 1
    assert re.fullmatch(rf"tailgate|(registry\.example\.com/)?tailgate:{re.escape(version)}", named.pop())


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, each with what it is given."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, given.strip()) for name, _, given in (line.partition(" ") for line in lines if line)]


def test_the_image_is_run_as_the_manifests_run_it(manifests: Manifests) -> None:
    given = dict(instructions())
    assert json.loads(given["ENTRYPOINT"]) == ["tailgate"]
    assert all("command" not in manifests.container(f"tailgate-{role}") for role in ("master", "workers"))
    users = {pod["spec"]["securityContext"]["runAsUser"] for pod in manifests.pods.values()}
    groups = {pod["spec"]["securityContext"]["runAsGroup"] for pod in manifests.pods.values()}
    assert [f"{user}:{group}" for user in users for group in groups] == [given["USER"]]


@pytest.mark.xdist_group("load")
def test_the_commands_of_the_manifests_make_a_run_that_passes(api: Api, tmp_path: Path) -> None:
    written = as_written(tmp_path)
    load, runs, port = tmp_path / "load", tmp_path / "runs", str(free_port())
    load.mkdir()
    for name, text in written.files.items():
        (load / name).write_text(text.replace("http://shop.default.svc:8000", api.url), encoding="utf-8")
    # What is another on this machine: addresses, a port that is free, and where the claim is mounted.
    here = {"0.0.0.0": "127.0.0.1", "=tailgate-master": "=127.0.0.1", "5557": port, "/runs": str(runs), "8000": port}

    def start(owner: str) -> "subprocess.Popen[str]":
        container = written.container(owner)
        words = container.get("command") or container["args"]
        for there, ours in here.items():
            words = [word.replace(there, ours) for word in words]
        given = {each["name"]: each.get("value", "known to both") for each in container.get("env", [])}
        if "command" in container:
            assert words.pop(0) == "python"
            return subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return Command(load, a_users_environment() | given).start(*words)

    with ExitStack() as stack:
        number = written.of("Job", "tailgate-workers")["spec"]["parallelism"]
        owners = ["tailgate-master"] + ["tailgate-workers"] * number
        crew = [stack.enter_context(ending(start(owner))) for owner in owners]
        said = [process.communicate(timeout=90) for process in crew]
        assert [process.returncode for process in crew] == [0] * len(crew), said
        document = json.loads((runs / "latest" / "run.json").read_text(encoding="utf-8"))
        assert document["generator"]["workers"] == number
        assert document["arrivals"]["completed"] > 200
        stack.enter_context(ending(start("tailgate-bundles")))
        page = eventually(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/latest/report.html", timeout=10))
        assert page.read() == (runs / "latest" / "report.html").read_bytes()


@contextmanager
def ending(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    """Leaves no process behind, whatever happens."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def eventually(ask: Callable[[], Any]) -> Any:
    """What a server answers that is about to listen."""
    end = time.monotonic() + 30
    while True:
        try:
            return ask()
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
