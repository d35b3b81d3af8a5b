"""docker-compose.yml: by the Compose specification's own schema, and by what must agree in it."""

import ipaddress
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tailgate_otel import names

from tailgate.main import command
from tailgate.observe import RUN_METRICS_PORT
from tests import compose
from tests.compose import FILE, PAGE, ROOT, Service, mounted, secrets, services, standing
from tests.dashboards.servers import amtool, needs_alertmanager, needs_prometheus, promtool

COLLECTOR = os.environ.get("OTELCOL") or shutil.which("otelcol-contrib") or shutil.which("otelcol")
OURS = {"database", "api-1", "api-2", "voice", "master", "workers"}
UNASKED = {"collector"}
"""Whose image has nothing in it to ask with."""
DASHBOARDS = ROOT / "dashboards"


def refused(directory: Path, **documents: Any) -> set[str]:
    """Those of the documents that the Compose specification's schema does not take."""
    for name, document in documents.items():
        (directory / name).write_text(yaml.safe_dump(document), encoding="utf-8")
    tool = Path(sys.executable).with_name("check-jsonschema")
    command = [tool, "--builtin-schema", "vendor.compose-spec", "--default-filetype", "yaml", "-o", "json", *documents]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    said = json.loads(done.stdout)
    assert said["parse_errors"] == []
    return {error["filename"] for error in said["errors"]}


def snippet(beginning: str) -> str:
    """The block of the page that begins so, as a reader copies it."""
    page = PAGE.read_text(encoding="utf-8")
    (found,) = (block for block in re.findall(r"(?:^ {4}.*\n)+", page, re.MULTILINE) if block.startswith(beginning, 4))
    return re.sub(r"^ {4}", "", found, flags=re.MULTILINE)


def configuration(name: str) -> dict[str, Any]:
    return yaml.safe_load((DASHBOARDS / name).read_text(encoding="utf-8"))


def test_the_file_is_what_the_specification_describes(tmp_path: Path) -> None:
    ours, other = (compose.document(dict.fromkeys(secrets(), "given")) for _ in range(2))
    other["services"]["redis"]["mem_limits"] = "24m"
    assert refused(tmp_path, ours=ours, other=other) == {"other"}


def test_without_a_secret_it_refuses_to_start_and_says_which() -> None:
    given = dict.fromkeys(secrets(), "given")
    for name in given:
        with pytest.raises(compose.UnsetError, match=f"{name}: {PAGE.relative_to(ROOT)} says how to make it"):
            compose.document(given | {name: ""})


def test_nothing_that_is_secret_is_written_there() -> None:
    secret = re.compile(r"PASSWORD|SECRET|KEY|TOKEN|AUTH|URL")
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable) and not value.startswith("http://"):
                assert any(one.lower() in value for one in secrets()), (name, variable)


def test_the_page_makes_every_secret_and_nobody_else_can_read_them(tmp_path: Path) -> None:
    shutil.copy(FILE, tmp_path)
    subprocess.run(["sh", "-euc", snippet("(umask")], cwd=tmp_path, check=True, timeout=60)
    made = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert set(made) == secrets()
    assert len(set(made.values())) == len(made)
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in made.values())
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert compose.document(made)


def test_versions_are_pinned_and_ours_is_this_one() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for name, service in services().items():
        assert service["image"] == f"tailgate:{version}" if name in OURS else "build" not in service
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)?$", service["image"]), service["image"]


def test_what_is_mounted_is_there_and_is_only_read() -> None:
    for service in services().values():
        for path, _, read_only in mounted(service):
            assert path.exists(), path
            assert read_only


def test_every_volume_is_defined_and_of_use() -> None:
    named = {
        volume.split(":")[0]
        for service in services().values()
        for volume in service.get("volumes", ())
        if not volume.startswith(".")
    }
    assert named == set(compose.document(dict.fromkeys(secrets(), "given"))["volumes"])


def test_what_is_published_is_on_loopback_and_the_metrics_are_not() -> None:
    published = {
        name: [port.rsplit(":", 2) for port in service["ports"]]
        for name, service in services().items()
        if "ports" in service
    }
    assert set(published) == {"api-1", "api-2", "prometheus", "alertmanager", "grafana"}
    for ports in published.values():
        for host, _, inside in ports:
            assert ipaddress.ip_address(host).is_loopback
            assert int(inside) != names.DEFAULT_METRICS_PORT


def test_no_container_is_root_or_writes_where_it_need_not() -> None:
    for service in services().values():
        assert int(service["user"].split(":")[0]) > 0
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service


def test_memory_is_bounded_to_less_than_a_gigabyte_as_the_page_says() -> None:
    limits = {name: int(service["mem_limit"].removesuffix("m")) for name, service in services().items()}
    together = sum(limits[name] for name in standing())
    with_load = limits["voice"] + limits["master"] + 2 * limits["workers"]
    assert together * 2**20 < 1e9
    page = PAGE.read_text(encoding="utf-8")
    assert f"Together {together}, and {with_load:,} more with a load and two workers" in page
    head, _, row = page.partition("### Memory")[2].strip().partition("\n\n")[2].splitlines()[:3]
    told = dict(zip(re.findall(r"[\w, -]+(?= \|)", head), re.findall(r"\d+", row), strict=True))
    told = {name: int(told[several]) for several in told for name in several.strip().split(", ")}
    assert told == {name: limits[name] for name in standing()}


def test_everybody_waits_for_what_can_say_that_it_is_ready() -> None:
    asked = {name for name, service in services().items() if "healthcheck" in service}
    assert set(standing()) - asked == UNASKED
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            expected = {
                "database": "service_completed_successfully",
                "collector": "service_started",
                "master": "service_started",
            }.get(other, "service_healthy")
            assert how == {"condition": expected}, (name, other)


def test_every_variable_is_one_that_somebody_reads() -> None:
    known = {value for constant, value in vars(names).items() if constant.startswith("ENV_")}
    known |= {"LOCUST_EXPECT_WORKERS", "TAILGATE_API_PASSWORD"}  # the last is for service/role.sql
    for name, service in services().items():
        for variable in service.get("environment", {}):
            if variable.startswith(("TAILGATE_", "OTEL_", "LOCUST_")):
                assert variable in known, (name, variable)
    assert "getenv password TAILGATE_API_PASSWORD" in (ROOT / "service" / "role.sql").read_text()


def test_the_commands_of_the_page_are_commands_of_ours() -> None:
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^ {4}tailgate (.+)$", text, re.MULTILINE)
    assert len(lines) == 3
    serving, running, building = (shlex.split(line) for line in lines)
    assert context(serving).params["observe"]
    assert context(running).params["metrics_port"] == RUN_METRICS_PORT
    assert context(running).params["metrics"] == f"http://127.0.0.1:{names.DEFAULT_METRICS_PORT}/metrics"
    verb, *rest = building[1:]
    assert typer.main.get_command(command(building[:1])).commands["dashboards"].commands[verb].make_context(verb, rest)


def context(words: list[str]) -> typer.Context:
    """What a verb makes of its arguments."""
    verb, *arguments = words
    return typer.main.get_command(command([verb])).commands[verb].make_context(verb, arguments)


def parameters(service: Service) -> dict[str, Any]:
    """What ``tailgate run`` makes of a service's arguments."""
    return context(service["command"]).params


def test_master_and_workers_find_each_other_the_instances_and_the_targets() -> None:
    stack = services()
    master, worker = parameters(stack["master"]), parameters(stack["workers"])
    assert master["master"]
    assert worker["worker"]
    assert worker["master_host"] == "master"
    assert master["master_port"] == worker["master_port"]
    assert int(stack["master"]["environment"]["LOCUST_EXPECT_WORKERS"]) == int(stack["workers"]["deploy"]["replicas"])
    keys = {stack[name]["environment"][names.ENV_CREW_KEY] for name in ("master", "workers")}
    assert len(keys) == 1
    instances = [stack[name] for name in ("api-1", "api-2")]
    port = instances[0]["environment"][names.ENV_PORT]
    assert master["host"] == f"http://api:{port}"
    assert all(instance["networks"]["default"]["aliases"] == ["api"] for instance in instances)
    (seeded,) = re.findall(r"db seed --targets (\S+)", stack["database"]["command"][0])
    assert str(master["targets"]) == str(worker["targets"]) == seeded
    for name in ("prometheus", "alertmanager"):
        assert master[name] == f"http://{name}:{stack[name]['ports'][0].rpartition(':')[2]}"


def test_prometheus_asks_both_instances_and_everything_else_that_tells_of_itself() -> None:
    stack = services()
    (instances,) = configuration("targets/service.yaml")
    port = stack["api-1"]["environment"][names.ENV_METRICS_PORT]
    assert instances["targets"] == [f"api-1:{port}", f"api-2:{port}"]
    (others,) = configuration("targets/stack.yaml")
    told = dict(target.split(":") for target in others["targets"])
    assert set(told) == set(standing()) - {"api-1", "api-2", "postgres", "redis"}
    for name in ("prometheus", "alertmanager", "grafana"):
        assert stack[name]["ports"][0].endswith(f":{told[name]}")
    (reader,) = configuration("collector.yaml")["service"]["telemetry"]["metrics"]["readers"]
    assert told["collector"] == str(reader["pull"]["exporter"]["prometheus"]["port"])
    assert told["tempo"] == str(configuration("tempo.yaml")["server"]["http_listen_port"])
    jobs = {job["job_name"]: job["file_sd_configs"] for job in configuration("prometheus.yml")["scrape_configs"]}
    read = {file for found in jobs.values() for each in found for file in each["files"]}
    assert {"targets/service.yaml", "targets/load.yaml", "targets/stack.yaml"} == read


def test_traces_go_by_the_collector_to_tempo_and_an_exemplar_opens_one() -> None:
    stack = services()
    receiver = configuration("collector.yaml")["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert stack["api-1"]["environment"][names.ENV_OTLP_ENDPOINT] == f"http://collector:{receiver.split(':')[1]}"
    tempo = configuration("tempo.yaml")
    takes = tempo["distributor"]["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert stack["collector"]["environment"][names.ENV_TEMPO_ENDPOINT] == f"http://tempo:{takes.split(':')[1]}"
    asked = stack["grafana"]["environment"][names.ENV_TEMPO_URL]
    assert asked == f"http://tempo:{tempo['server']['http_listen_port']}"
    assert "--enable-feature=exemplar-storage" in stack["prometheus"]["command"]
    sources = {
        source["uid"]: source for source in configuration("provisioning/datasources/tailgate.yaml")["datasources"]
    }
    (destination,) = sources[names.GRAFANA_PROMETHEUS]["jsonData"]["exemplarTraceIdDestinations"]
    assert destination == {"name": names.LABEL_TRACE_ID, "datasourceUid": names.GRAFANA_TEMPO}
    assert sources[names.GRAFANA_TEMPO]["type"] == "tempo"


def test_grafana_is_given_every_variable_that_its_provisioning_names() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DASHBOARDS.glob("provisioning/*/*.yaml")]
    named = {name for text in texts for name in re.findall(r"\$([A-Z]\w+)", text)}
    environment = services()["grafana"]["environment"]
    assert named == {name for name in environment if name.startswith("TAILGATE_")}
    places = {target: path for path, target, _ in mounted(services()["grafana"])}
    assert places[environment["GF_PATHS_PROVISIONING"]] == DASHBOARDS / "provisioning"
    assert list(places[environment[names.ENV_BOARDS]].glob("*.json"))
    (provider,) = configuration("provisioning/dashboards/tailgate.yaml")["providers"]
    assert provider["folderUid"] == names.GRAFANA_FOLDER


def test_the_rate_interval_is_made_of_the_scrape_interval() -> None:
    sources = configuration("provisioning/datasources/tailgate.yaml")["datasources"]
    (interval,) = {source["jsonData"]["timeInterval"] for source in sources if source["type"] == "prometheus"}
    assert interval == configuration("prometheus.yml")["global"]["scrape_interval"]


def as_mounted(service: str, directory: Path) -> dict[str, Path]:
    """The files of a service, copied as they lie in its container; by their paths there."""
    found = {}
    for path, target, _ in mounted(services()[service]):
        copy = directory / target.removeprefix("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(path, copy) if path.is_dir() else shutil.copy(path, copy)
        found[target] = copy
    return found


@needs_prometheus
def test_promtool_takes_prometheus_files(tmp_path: Path) -> None:
    files = as_mounted("prometheus", tmp_path)
    said = promtool("check", "config", str(files["/etc/prometheus/prometheus.yml"]), cwd=tmp_path)
    assert re.search(r"SUCCESS: \d+ rules found", said)


@needs_alertmanager
def test_amtool_takes_alertmanagers_file_and_a_page_goes_to_whom_pages_go(tmp_path: Path) -> None:
    (file,) = as_mounted("alertmanager", tmp_path).values()
    assert "SUCCESS" in amtool("check-config", str(file), cwd=tmp_path)
    for severity in ("page", "ticket"):
        labels = [f"{names.LABEL_SEVERITY}={severity}", f"{names.LABEL_SLO_ID}=tailgate-shop-orders"]
        routed = amtool("config", "routes", "test", f"--config.file={file}", *labels, cwd=tmp_path)
        assert routed.split()[0] == severity


def test_alerts_are_grouped_by_what_they_bear() -> None:
    document = configuration("alertmanager.yml")
    assert document["route"]["group_by"] == [names.LABEL_SLO_ID, names.LABEL_SEVERITY]
    (inhibiting,) = document["inhibit_rules"]
    assert inhibiting["equal"] == [names.LABEL_SLO_ID]


class TestTheCollectorItself:
    __test__ = COLLECTOR is not None

    def test_it_takes_its_two_files(self, tmp_path: Path) -> None:
        files = as_mounted("collector", tmp_path)
        command = services()["collector"]["command"]
        for target, path in files.items():
            command = [word.replace(target, str(path)) for word in command]
        environ = services()["collector"]["environment"]
        subprocess.run([str(COLLECTOR), "validate", *command], env=environ, check=True, timeout=60)


def test_the_collectors_memory_fits_into_its_container() -> None:
    limiter = configuration("collector.yaml")["processors"]["memory_limiter"]
    assert limiter["limit_mib"] < int(services()["collector"]["mem_limit"].removesuffix("m"))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, each with what it is given."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, given.strip()) for name, _, given in (line.partition(" ") for line in lines if line)]


def test_the_image_is_run_by_its_user() -> None:
    given = dict(instructions())
    assert json.loads(given["ENTRYPOINT"]) == ["tailgate"]
    assert {services()[name]["user"] for name in OURS} == {given["USER"]}
    # A volume is its user's only where the image has the directory.
    owned = next(given.split("--group 10001")[1].split() for name, given in instructions() if "--directory" in given)
    assert {path for name in OURS for path in written(services()[name])} == set(owned)


def written(service: Service) -> set[str]:
    """Where it mounts volumes that it writes to."""
    volumes = (volume.split(":") for volume in service.get("volumes", ()))
    return {volume[1] for volume in volumes if len(volume) == 2}


def test_the_image_is_made_of_this_checkout_and_of_what_is_locked() -> None:
    bases = [given.split()[0] for name, given in instructions() if name == "FROM"]
    web, *ours = bases
    assert re.fullmatch(r"node:20\.\d+\.\d+-bookworm-slim", web)
    assert len(set(ours)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", ours[0])
    assert all("npm ci" in given for name, given in instructions() if name == "RUN" and "npm" in given)
    installs = [
        each for name, given in instructions() if name == "RUN" for each in given.split("&&") if "pip install" in each
    ]
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--constraint requirements.lock" in each for each in installs)


def test_the_image_is_given_what_the_wheels_are_made_of_and_nothing_else() -> None:
    everything, *lines = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] not in ("#", "")
    ]
    allowed = {line[1:] for line in lines if line.startswith("!")}
    (projects,) = re.findall(r"for project in (.*?); do", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert everything == "*"
    files = {"pyproject.toml", "README.md", "requirements.lock", ".npmrc"}
    assert allowed == {*projects.replace(".", "tailgate").split(), *files}
