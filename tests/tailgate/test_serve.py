"""``tailgate serve``, and plain Locust against it: headless, and through Locust's own page."""

import json
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tailgate_loadtest.data import locustfile
from tailgate_otel.names import ENV_DATABASE_URL

from tests.tailgate.conftest import Command, command_in, free_port, serving

pytestmark = pytest.mark.xdist_group("load")

LOCUST = Path(sys.executable).with_name("locust")


@pytest.fixture(scope="module")
def tailgate(tmp_path_factory: pytest.TempPathFactory) -> Command:
    return command_in(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def served(tailgate: Command) -> Iterator[dict[str, str]]:
    with serving(tailgate) as (said, _):
        yield said


@pytest.mark.parametrize("option", ["--port", "--metrics-port"])
def test_a_port_that_is_taken_is_named_by_its_option_before_a_database_is_made(tailgate: Command, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tailgate.here("serve", "--port", "0", "--metrics-port", "0", option, str(port))
    assert done.returncode == 2
    assert f"{option} {port} of 127.0.0.1 cannot be listened at: Address already in use; {option} 0" in done.stderr
    assert "starting" not in done.stderr


def wait_until(url: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(url, timeout=2).read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{url} never answered")


def test_its_database_is_there_for_whoever_wants_to_try_commands_on_one(
    tailgate: Command, served: dict[str, str]
) -> None:
    given = {**tailgate.environment, ENV_DATABASE_URL: served["database"]}
    assert Command(tailgate.cwd, given).here("db", "rollback").stdout.startswith("taken back 0015_")
    assert Command(tailgate.cwd, given).here("db", "migrate", "--to", "15").stdout.startswith("applied 0015_")


def test_plain_locust_loads_the_reference_api_headless(tailgate: Command, served: dict[str, str]) -> None:
    assert (tailgate.cwd / served["targets"]).stat().st_mode & 0o777 == 0o600
    done = subprocess.run(
        [
            LOCUST,
            "-f",
            str(locustfile()),
            "--headless",
            "-u",
            "16",
            "-r",
            "16",
            "-t",
            "3s",
            "-H",
            served["url"],
            "--json",
        ],
        cwd=tailgate.cwd,
        env=tailgate.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    entries = {entry["name"]: entry for entry in json.loads(done.stdout)}
    # Of a user each, whoever comes first.
    assert "/api/contacts/by-phone" in entries
    assert all(entry["num_requests"] > 0 and entry["num_failures"] == 0 for entry in entries.values())


def test_plain_locust_loads_the_reference_api_from_its_page(tailgate: Command, served: dict[str, str]) -> None:
    port = free_port()
    process = subprocess.Popen(
        [LOCUST, "-f", str(locustfile()), "--web-host", "127.0.0.1", "--web-port", str(port), "-H", served["url"]],
        cwd=tailgate.cwd,
        env=tailgate.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "Starting web interface at" in line)
        page = f"http://127.0.0.1:{port}"
        assert page in line
        wait_until(page)
        form = urllib.parse.urlencode({"user_count": 16, "spawn_rate": 16, "host": served["url"]}).encode()
        swarm = json.loads(urllib.request.urlopen(f"{page}/swarm", data=form, timeout=10).read())
        assert swarm["success"]
        for _ in range(100):
            stats = json.loads(urllib.request.urlopen(f"{page}/stats/requests", timeout=10).read())
            done = {row["name"]: row for row in stats["stats"] if row["name"] != "Aggregated"}
            if len(done) > 5:
                break
            time.sleep(0.1)
        assert len(done) > 5
        assert stats["fail_ratio"] == 0
    finally:
        process.terminate()
        process.communicate(timeout=10)
