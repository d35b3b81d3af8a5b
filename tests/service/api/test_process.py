"""``python -m tailgate_service`` as its parent sees it."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tailgate_otel import names
from tailgate_service.__main__ import main

WITHIN = 30.0


@pytest.fixture
def environ(seeded_database, tmp_path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        names.ENV_DATABASE_URL: seeded_database.dsn,
        names.ENV_VARIANT: "parallel",
        names.ENV_WEBHOOK_SECRET: "secret",
        names.ENV_WEBHOOK_VERIFY_TOKEN: "token",
        names.ENV_METRICS_PORT: "0",
        names.ENV_POOL_SIZE: "3",
        names.ENV_RUN_SECRET: "run",
        names.ENV_TRACES_FILE: str(tmp_path / "traces.jsonl"),
        names.ENV_TRUSTED_PEERS: "127.0.0.1",
    }


def start(environ: dict[str, str], *program: str) -> subprocess.Popen[str]:
    """The service, or a program that is it as well."""
    return subprocess.Popen(
        [sys.executable, "-P", *(program or ("-m", "tailgate_service"))],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def running(environ: dict[str, str], *program: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The process, and what it announced."""
    process = start(environ, *program)
    try:
        readable, _, _ = select.select([process.stdout], [], [], WITHIN)
        line = process.stdout.readline() if readable else ""
        assert line, process.stderr.read()
        yield process, json.loads(line)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=["lean"])
def service(request, environ):
    """A running service, with the recorder of the parameter: the process and what it announced."""
    with running(environ | {names.ENV_RECORDER: request.param}) as service:
        yield service


@pytest.fixture
def refused(monkeypatch, capsys) -> Callable[[dict[str, str]], str]:
    """``refused(environ)``: what the service says when it cannot start, one line and nothing on standard output."""

    def said(environ: dict[str, str]) -> str:
        monkeypatch.setattr(os, "environ", environ)
        assert main() == 2
        out, err = capsys.readouterr()
        assert out == ""
        [line] = err.splitlines()
        return line

    return said


def test_what_cannot_start_ends_with_2_and_a_line(environ):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tailgate_service"],
        env=environ | {names.ENV_VARIANT: "fastest"},
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("service", ["lean", "standard"], indirect=True)
def test_it_announces_where_it_serves_and_then_keeps_quiet(service, seeded_database):
    process, announced = service
    assert announced["ready"] is True
    answer = httpx.get(announced["url"] + "/health")
    assert answer.json() == {"status": "ok", "variant": "parallel"}
    assert "server" not in answer.headers
    key = seeded_database.targets["workspaces"][0]["api_key"]
    headers = {"x-api-key": key, names.HEADER_RUN_SECRET: "run"}
    listed = httpx.get(announced["url"] + "/api/conversations", headers=headers)
    assert listed.status_code == 200
    assert "queries" in listed.headers[names.HEADER_SERVER_TIMING]
    assert 'http_route="/api/conversations"' in httpx.get(announced["metrics_url"]).text

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=WITHIN)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("service", "scope"),
    [("lean", "tailgate_otel"), ("standard", "opentelemetry.instrumentation.fastapi")],
    indirect=["service"],
)
def test_the_recorder_that_is_asked_for_makes_the_server_span(service, environ, scope):
    process, announced = service
    traceparent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    assert httpx.get(announced["url"] + "/health", headers={"traceparent": traceparent}).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=WITHIN) == 0
    [line] = Path(environ[names.ENV_TRACES_FILE]).read_text().splitlines()
    [written] = json.loads(line)["resourceSpans"]
    made, *_ = written["scopeSpans"]
    assert made["scope"]["name"] == scope
    assert made["spans"][0]["name"] == "GET /health"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_though_clients_stay_connected(service, number):
    process, announced = service
    url = httpx.URL(announced["url"])
    with socket.create_connection((url.host, url.port)) as idle, httpx.Client() as client:
        client.get(announced["url"] + "/health")
        idle.sendall(b"POST /api/webhook/kapso HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
        process.send_signal(number)
        assert process.wait(timeout=WITHIN) == 0


def test_bytes_that_stream_past_the_bound_are_refused_over_the_wire(service):
    _, announced = service
    url = httpx.URL(announced["url"])
    with socket.create_connection((url.host, url.port), timeout=WITHIN) as raw:
        raw.sendall(b"POST /api/webhook/kapso HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        for _ in range(9):
            raw.sendall(chunk)
        assert raw.recv(64).startswith(b"HTTP/1.1 413 ")


ONE_BEACON_A_CLIENT = """
import sys
from dataclasses import replace
from tailgate_service import context
from tailgate_service.__main__ import main

beacons = context.beacons
context.beacons = lambda settings: replace(beacons(settings), client_rate=0.001)
sys.exit(main())
"""


def test_whoever_says_for_whom_it_asks_is_one_client_all_the_same(environ):
    """Anybody may write the header: a second address of its own would be a second share of what is taken."""
    beacon = {"page": "/inbox", "device": "phone", "navigation": "navigate", "values": {}}
    with running(environ, "-c", ONE_BEACON_A_CLIENT) as (_, announced):
        answers = [
            httpx.post(f"{announced['url']}/api/vitals", json=beacon, headers={"x-forwarded-for": address}).status_code
            for address in ("192.0.2.1", "192.0.2.2")
        ]
    assert answers == [204, 429]


@pytest.mark.parametrize("name", [names.ENV_DATABASE_URL, names.ENV_WEBHOOK_SECRET, names.ENV_WEBHOOK_VERIFY_TOKEN])
def test_a_missing_setting_is_named(environ, refused, name):
    del environ[name]
    assert name in refused(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (names.ENV_VARIANT, "fastest"),
        (names.ENV_RECORDER, "fattest"),
        (names.ENV_PORT, "eighty"),
        (names.ENV_PORT, "70000"),
        (names.ENV_POOL_SIZE, "0"),
        (names.ENV_METRICS_PORT, "none"),
        (names.ENV_SLO, "/nowhere/slo.yaml"),
    ],
)
def test_a_setting_that_cannot_be_is_named(environ, refused, name, value):
    said = refused(environ | {name: value})
    assert value in said


def test_a_taken_port_is_named(environ, refused):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in refused(environ | {names.ENV_PORT: str(port)})


def test_a_database_that_is_not_there_is_said(environ, refused):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = refused(environ | {names.ENV_DATABASE_URL: f"postgresql://u:geheim@127.0.0.1:{port}/x"})
    assert "the database cannot be reached" in said
    assert "geheim" not in said


def test_a_schema_older_than_the_variant_needs_is_said(environ, refused, database_of):
    said = refused(environ | {names.ENV_DATABASE_URL: database_of("sequential").dsn})
    assert "the schema is at migration 1 and variant parallel needs" in said
    assert "tailgate db migrate" in said


def test_it_ends_with_the_parent_that_asked_for_it(environ):
    """Asked by the variable, it is gone when its parent is, SIGKILL included."""
    program = (
        "import os, subprocess, sys\n"
        f"os.environ[{names.ENV_PARENT!r}] = str(os.getpid())\n"
        "child = subprocess.Popen([sys.executable, '-P', '-m', 'tailgate_service'], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=WITHIN, check=False
    )
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(int(done.stdout))
        ended, _, _ = select.select([descriptor], [], [], WITHIN)
        os.close(descriptor)
        assert ended
