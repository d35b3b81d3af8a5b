"""``tailgate serve --observe``: what is found watches the service, what is not is named, and all of it ends."""

import dataclasses
import json
import socket
import stat
import subprocess
import sys
import textwrap
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import tailgate_slo
import yaml
from tailgate_otel import names

from tailgate import observe
from tailgate.errors import CommandError
from tests.dashboards.servers import PATH, eventually, needs_alertmanager, needs_prometheus
from tests.server import Response, Server
from tests.tailgate.conftest import Command, serving

METRICS = "http://127.0.0.1:9/metrics"
GRAFANA = """
    import http.server, json, os, sys
    seen = {"arguments": sys.argv[1:], "environment": dict(os.environ)}

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(seen).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    address = os.environ["GF_SERVER_HTTP_ADDR"], int(os.environ["GF_SERVER_HTTP_PORT"])
    http.server.HTTPServer(address, Health).serve_forever()
"""
"""Stands in for Grafana, of which only the name, the arguments and the variables are tried here."""


SERVER = """
    import http.server, os, sys, urllib.parse
    (listen,) = (each for each in sys.argv if each.startswith("--web.listen-address="))
    host, _, port = listen.partition("=")[2].rpartition(":")

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/end":
                sys.stderr.write("ts=1 level=error err=boom\\n" + "ts=1 level=info msg=closing\\n" * 9)
                sys.stderr.flush()
                os._exit(1)
            self.send_response(200)
            self.end_headers()

    http.server.HTTPServer((host, int(port)), Page).serve_forever()
"""
"""Stands in for Prometheus and for Alertmanager, where only who is there is tried."""


@pytest.fixture
def objectives() -> tailgate_slo.Objectives:
    """One of them: all take a second to compile."""
    all_of_them = tailgate_slo.load(tailgate_slo.reference_path())
    return dataclasses.replace(all_of_them, slos=all_of_them.slos[:1])


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one directory, empty so far."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


def program(directory: Path, name: str, text: str) -> None:
    file = directory / name
    file.write_text(f"#!{sys.executable}\n{textwrap.dedent(text)}")
    file.chmod(0o755)


def asked(url: str, path: str, **parameters: str) -> Any:
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}{path}?{query}", timeout=20) as answer:
        return json.load(answer)


def test_where_nothing_is_found_all_is_named_and_nothing_fails(tmp_path, path, objectives):
    with observe.observing(tmp_path / "observe", METRICS, objectives) as observers:
        assert observers.addresses == {}
        assert set(observers.missing) == {"prometheus", "alertmanager", "grafana"}
        for name, why in observers.missing.items():
            assert f"no `{name}` on the PATH" in why
        assert targets(tmp_path / "observe", "alertmanager") == targets(tmp_path / "observe", "stack") == []


def targets(directory: Path, name: str) -> list[str]:
    (group,) = yaml.safe_load((directory / "targets" / f"{name}.yaml").read_text())
    return group["targets"]


def test_nobody_is_asked_or_told_who_is_not_there(tmp_path, path, objectives):
    program(path, "prometheus", SERVER)
    program(path, "alertmanager", "import sys\nsys.exit('the disk is full')")
    with observe.observing(tmp_path / "observe", METRICS, objectives) as observers:
        there = observers.addresses["prometheus"].removeprefix("http://")
        assert targets(tmp_path / "observe", "alertmanager") == []
        assert targets(tmp_path / "observe", "stack") == [there]
        assert targets(tmp_path / "observe", "service") == ["127.0.0.1:9"]
    program(path, "alertmanager", SERVER)
    with observe.observing(tmp_path / "observe", METRICS, objectives) as observers:
        there = observers.addresses["alertmanager"].removeprefix("http://")
        assert targets(tmp_path / "observe", "alertmanager") == [there]


def test_one_that_ends_later_is_told_once_with_the_error_in_its_log(tmp_path, path, objectives):
    program(path, "prometheus", SERVER)
    with observe.observing(tmp_path / "observe", METRICS, objectives) as observers:
        assert observers.ended() == {}
        with pytest.raises(OSError):
            urllib.request.urlopen(f"{observers.addresses['prometheus']}/end", timeout=20)
        fate = eventually(observers.ended)["prometheus"]
        assert "level=error err=boom" in fate
        assert "closing" not in fate
        assert observers.ended() == {}
        assert targets(tmp_path / "observe", "stack") == []


def test_a_program_that_does_not_start_is_named_with_what_it_said_last(tmp_path, path, objectives):
    program(path, "prometheus", "import sys\nsys.exit('the disk is full')")
    program(path, "alertmanager", "not even Python")
    with observe.observing(tmp_path / "observe", METRICS, objectives) as observers:
        assert observers.addresses == {}
        assert "ended with 1" in observers.missing["prometheus"]
        assert "the disk is full" in observers.missing["prometheus"]
        assert "SyntaxError" in observers.missing["alertmanager"]


def test_who_answers_in_its_place_is_not_taken_for_it(tmp_path, path, objectives, monkeypatch):
    program(path, "prometheus", "import sys, time\ntime.sleep(1)\nsys.exit('address already in use')")
    with Server(Response()) as somebody:
        monkeypatch.setattr(observe, "_port", lambda _: somebody.server_port)
        with observe.observing(tmp_path / "observe", METRICS, objectives) as observers:
            pass
        assert somebody.asked == []
        assert observers.addresses == {}
        assert "address already in use" in observers.missing["prometheus"]


def test_one_that_may_not_be_looked_into_is_believed_when_it_answers(tmp_path, path, objectives, monkeypatch):
    """What keeps others out, such as capabilities of its own, is not to be had everywhere: here it is made up."""

    def denied(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    program(path, "prometheus", SERVER)
    monkeypatch.setattr(psutil.Process, "net_connections", denied)
    with observe.observing(tmp_path / "observe", METRICS, objectives) as observers:
        assert set(observers.addresses) == {"prometheus"}


def test_grafana_is_given_the_provisioning_of_the_compose_file(tmp_path, path, objectives):
    home = tmp_path / "share"
    (home / "bin").mkdir(parents=True)
    (home / "conf").mkdir()
    (home / "conf" / "defaults.ini").touch()
    program(home / "bin", "grafana", GRAFANA)
    (path / "grafana").symlink_to(home / "bin" / "grafana")
    directory = tmp_path / "observe"
    with observe.observing(directory, METRICS, objectives) as observers:
        seen = asked(observers.addresses["grafana"], "/api/health")
    environment = seen["environment"]
    assert seen["arguments"] == ["server", "--homepath", str(home)]
    assert (Path(environment["GF_PATHS_PROVISIONING"]) / "datasources" / "tailgate.yaml").is_file()
    assert list(Path(environment[names.ENV_BOARDS]).glob("*.json"))
    assert environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert names.ENV_PARENT not in environment
    password = directory / "grafana" / "password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert environment["GF_SECURITY_ADMIN_PASSWORD"] == password.read_text()
    with observe.observing(directory, METRICS, objectives) as observers:
        again = asked(observers.addresses["grafana"], "/api/health")["environment"]
    assert again["GF_SECURITY_ADMIN_PASSWORD"] == password.read_text()


def test_a_grafana_without_its_home_is_named(tmp_path, path, objectives):
    program(path, "grafana", GRAFANA)
    with observe.observing(tmp_path / "observe", METRICS, objectives) as observers:
        assert "defaults.ini" in observers.missing["grafana"]


def test_where_the_usual_port_is_taken_another_does(tmp_path, path, objectives, monkeypatch):
    program(path, "grafana", GRAFANA)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "defaults.ini").touch()
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]
        here = [dataclasses.replace(watcher, usual_port=taken) for watcher in observe.WATCHERS]
        monkeypatch.setattr(observe, "WATCHERS", here)
        with observe.observing(tmp_path / "observe", METRICS, objectives) as observers:
            url = observers.addresses["grafana"]
            assert asked(url, "/api/health")["environment"]["GF_SERVER_HTTP_PORT"] == url.rpartition(":")[2]
            assert url != f"http://127.0.0.1:{taken}"


def test_two_do_not_watch_by_one_directory(tmp_path, path, objectives):
    with (
        observe.observing(tmp_path / "observe", METRICS, objectives),
        pytest.raises(CommandError, match="another `tailgate serve --observe`"),
        observe.observing(tmp_path / "observe", METRICS, objectives),
    ):
        pass


def test_a_program_ends_with_whoever_started_it_however_that_ends(tmp_path):
    program(tmp_path, "sleeper", "import time\ntime.sleep(600)")
    code = f"""
        import os, subprocess, sys, time
        environ = os.environ | {{{names.ENV_PARENT!r}: str(os.getpid())}}
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "tailgate.leash", {str(tmp_path / "sleeper")!r}],
            env=environ, stdout=subprocess.DEVNULL, start_new_session=True,
        )
        print(child.pid, flush=True)
        time.sleep(600)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    eventually(lambda: "sleeper" in " ".join(child.cmdline()) and "tailgate.leash" not in child.cmdline())
    parent.kill()
    parent.communicate()
    child.wait(20)


@pytest.fixture
def observed(tailgate: Command) -> Iterator[dict[str, Any]]:
    """What ``serve --observe`` says, with Prometheus and Alertmanager on the PATH; it leaves no process."""
    tailgate.environment |= {"PATH": PATH, names.ENV_RUN_SECRET: "for the service alone"}
    with serving(tailgate, "--observe") as (said, children):
        watchers = [child for child in children if child.name().startswith(("prometheus", "alertmanager"))]
        assert len(watchers) == 2
        assert not any(names.ENV_RUN_SECRET in child.environ() for child in watchers)
        yield said


@needs_prometheus
@needs_alertmanager
@pytest.mark.xdist_group("load")
def test_prometheus_watches_the_served_api_by_its_objectives(observed: dict[str, Any], tailgate: Command) -> None:
    url = observed["prometheus"]

    def values(query: str) -> list[float]:
        found = asked(url, "/api/v1/query", query=query)["data"]["result"]
        return [float(one["value"][1]) for one in found]

    assert eventually(lambda: values('up{job="tailgate-service"}') == [1.0])
    for _ in range(3):
        urllib.request.urlopen(f"{observed['url']}/health", timeout=20).read()
    count = f'sum({names.HTTP_SERVER_DURATION}_count{{{names.LABEL_ROUTE}="/health"}})'
    assert eventually(lambda: values(count) == [3.0])
    rules = [rule for group in asked(url, "/api/v1/rules")["data"]["groups"] for rule in group["rules"]]
    assert {rule["type"] for rule in rules} == {"recording", "alerting"}
    assert asked(observed["alertmanager"], "/api/v2/status")["config"]["original"]
    told = eventually(lambda: asked(url, "/api/v1/alertmanagers")["data"]["activeAlertmanagers"])
    assert told[0]["url"].startswith(observed["alertmanager"])
    assert set(observed["missing"]) <= {"grafana"}
    assert any((tailgate.cwd / ".tailgate" / "observe" / "prometheus").iterdir())
