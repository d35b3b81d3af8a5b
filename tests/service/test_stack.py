"""The stack, end to end: real database, real service, and nothing left of them."""

import asyncio
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from tailgate_otel import names
from tailgate_service import targets, template
from tailgate_service.errors import StackError
from tailgate_service.seed.config import SeedConfig
from tailgate_service.stack import StackConfig, passed_on, start

SMALL = SeedConfig(workspaces=3, conversations=60, messages=6)
INBOX = "/api/conversations"
AGENT = "/api/founder-console/agent"


def get(url: str, key: str = "") -> tuple[int, bytes]:
    try:
        with urlopen(Request(url, headers={"x-api-key": key}), timeout=30) as response:
            return response.status, response.read()
    except HTTPError as error:
        return error.code, error.read()


def until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def gone(*places: Path) -> bool:
    return until(lambda: not any(place.exists() for place in places))


def config(tmp_path: Path, templates: Path, **more: object) -> StackConfig:
    return StackConfig(targets=tmp_path / "targets.json", seed=SMALL, cache=templates, **more)


def saved(url: str, key: str) -> dict[str, object]:
    """What becomes of a workspace's voice agent that is saved as it is shown."""
    agent = json.loads(get(url, key)[1])
    body = json.dumps({name: agent[name] for name in ("phone_number", "configuration")}).encode()
    headers = {"x-api-key": key, "if-match": "*", "content-type": "application/json"}
    with urlopen(Request(url, data=body, headers=headers, method="PUT"), timeout=30) as response:
        answer: dict[str, object] = json.load(response)
    return answer


@pytest.mark.row("C5")
@pytest.mark.parametrize("variant", ["sequential", "parallel"])
def test_what_the_targets_name_the_service_answers(tmp_path, templates, variant):
    with start(config(tmp_path, templates, variant=variant)) as stack:
        assert stack.alive()
        workspaces = json.loads(stack.targets.read_text())["workspaces"]
        assert len(workspaces) == SMALL.workspaces
        for workspace in workspaces:
            phone = workspace["phones"][0]
            status, body = get(f"{stack.url}/api/contacts/by-phone?phone={phone}", workspace["api_key"])
            assert status == 200
            assert re.sub(r"\D", "", json.loads(body)["contact"]["phone"]) == phone
            for conversation in workspace["conversations"][:2]:
                url = f"{stack.url}{INBOX}/{conversation}/messages"
                assert get(url, workspace["api_key"])[0] == 200
        assert get(stack.url + INBOX, "guessed")[0] == 401
        # There is a voice provider, too, which has not been told of the seed's agents.
        first, again = (saved(stack.url + AGENT, workspaces[0]["api_key"]) for _ in range(2))
        assert (first["sync"], again["sync"]) == ("synced", "unchanged")
        assert get(stack.metrics_url)[0] == 200
        assert stack.facts["variant"] == variant
        assert stack.facts["postgres"].startswith("18.")
        service = Path(f"/proc/{stack.service_pid}")
    assert gone(service, stack._cluster.directory)
    stack.close()


def test_the_targets_are_their_owners_alone_and_appear_whole(tmp_path, templates):
    with start(config(tmp_path, templates)) as stack:
        assert stat.S_IMODE(stack.targets.stat().st_mode) == 0o600
        assert [path.name for path in tmp_path.iterdir()] == ["targets.json"]
        read = json.loads(stack.targets.read_text())
    assert read["schema"] == "tailgate/targets/v1"
    assert set(read["webhook"]) == {"secret", "verify_token"}
    assert read["today"] == "2025-05-31"
    keys = {"id", "api_key", "phone_number_id", "phones", "contacts", "conversations", "users"}
    assert all(set(workspace) == keys for workspace in read["workspaces"])
    assert len(read["workspaces"][0]["phones"]) == SMALL.conversations


def test_the_emulated_round_trip_is_measured_and_stated(tmp_path, templates):
    with start(config(tmp_path, templates, db_rtt=0.02)) as stack:
        assert stack.facts["db_rtt"]["emulated"] == 0.02
        assert stack.facts["db_rtt"]["measured"] >= 0.02
        key = json.loads(stack.targets.read_text())["workspaces"][0]["api_key"]
        assert get(stack.url + INBOX, key)[0] == 200


def test_the_service_killed_leaves_the_database_running(tmp_path, templates):
    with start(config(tmp_path, templates)) as stack:
        os.kill(stack.service_pid, signal.SIGKILL)
        assert until(lambda: not stack.alive())
        assert stack.ended() == ("tailgate_service", -signal.SIGKILL)
        with pytest.raises(URLError):
            get(stack.url + "/health")
        assert stack._cluster.alive


@pytest.fixture
def clusters(monkeypatch):
    """A directory in which the clusters of this test are made, and no others."""
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        Path(base).chmod(0o711)
        monkeypatch.setattr(tempfile, "tempdir", base)
        yield Path(base)


def test_a_service_that_cannot_start_says_why_and_leaves_nothing(tmp_path, templates, clusters):
    slo = tmp_path / "slo.yaml"
    slo.write_text("apiVersion: openslo/v1\nkind: Nonsense\n")
    with pytest.raises(StackError, match="Nonsense"):
        start(config(tmp_path, templates, slo=slo, log=tmp_path / "log"))
    assert "Nonsense" in (tmp_path / "log").read_text()
    assert list(clusters.iterdir()) == []


RUN = """
    import json, sys
    from pathlib import Path
    from tailgate_service.seed.config import SeedConfig
    from tailgate_service.stack import StackConfig, start
    seed = SeedConfig(workspaces=3, conversations=60, messages=6)
    config = StackConfig(targets=Path(sys.argv[1]), cache=Path(sys.argv[2]), seed=seed, db_rtt=0.001)
    stack = start(config)
    print(json.dumps([stack.service_pid, stack._relay.pid, str(stack._cluster.directory)]), flush=True)
    sys.stdin.read()
"""


def test_its_parent_killed_all_of_it_is_gone(tmp_path, templates):
    command = [sys.executable, "-c", textwrap.dedent(RUN), str(tmp_path / "targets.json"), str(templates)]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    service, relay, directory = json.loads(parent.stdout.readline())
    places = Path(f"/proc/{service}"), Path(f"/proc/{relay}"), Path(directory)
    assert all(place.exists() for place in places)
    parent.kill()
    parent.communicate()
    assert gone(*places)


@pytest.mark.parametrize(("wrong", "named"), [({"variant": "fast"}, "'fast'"), ({"db_rtt": -1}, "db_rtt = -1")])
def test_a_configuration_that_cannot_be_is_named(tmp_path, wrong, named):
    with pytest.raises(StackError, match=named):
        StackConfig(targets=tmp_path / "targets.json", **wrong)


def test_the_first_start_of_a_variant_says_that_its_data_is_made_and_the_next_has_it(tmp_path, caplog):
    few, cache = SeedConfig(workspaces=1, conversations=2, messages=1), tmp_path / "templates"
    for origin in ("made", "cached"):
        caplog.clear()
        cloned = template.clone("sequential", few, cache)
        with cloned.cluster:
            assert cloned.origin == origin
        said = f"making the data of variant sequential, which can take minutes; later starts copy it from {cache}"
        assert (said in caplog.messages) == (origin == "made")


def test_a_key_fits_one_clone_and_neither_the_next_nor_the_template(tmp_path, templates):
    digests = []
    for number in range(2):
        with template.clone("parallel", SMALL, templates).cluster as cluster:
            path = tmp_path / f"{number}.json"
            asyncio.run(targets.write(path, cluster.dsn, targets.Webhook()))
            digests.append({workspace["api_key"] for workspace in json.loads(path.read_text())["workspaces"]})
    assert not digests[0] & digests[1]
    assert len(digests[0]) == SMALL.workspaces


def test_the_service_is_told_what_is_around_the_stack_and_nothing_else():
    found = {names.ENV_REDIS_URL: "redis://127.0.0.1:1", names.ENV_DATABASE_URL: "postgresql://elsewhere", "HOME": "/"}
    assert passed_on(found) == {names.ENV_REDIS_URL: "redis://127.0.0.1:1"}
    with pytest.raises(StackError, match=names.ENV_DATABASE_URL):
        StackConfig(around=found)
