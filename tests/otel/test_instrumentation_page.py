"""The page on instrumentation: its application runs, and what it says one sees is what one sees."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from tailgate_otel import Config, RecordedConnection, RecordedPool, names, recording
from tailgate_slo import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "instrumentation.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
(
    (_, SHOP),
    (_, SERVE),
    (_, ASK),
    (_, METRICS),
    (_, TRACE),
    (_, LIMITS),
    (_, OBJECTIVES),
    (_, SLO),
    (_, ASK_TIMING),
    (_, TIMING),
    (_, TESTS),
    (_, RUN_TESTS),
    (_, FAILURE),
    (_, OPTION),
    (_, JOB),
    (_, ENGINE),
    (_, COLLECT),
) = BLOCKS
SECRET = "the run's"
ALLOWANCE = 30.0
QUICK = "-p no:cacheprovider -p no:schemathesis"  # which takes longer to import than such a run
# What differs from run to run.
_NUMBER = re.compile(r"\d+\.\d+|[0-9a-f]{32}")


class Served(NamedTuple):
    """The page's application under uvicorn."""

    folder: Path
    port: int
    metrics_port: int

    def curl(self, line: str) -> httpx.Response:
        """What a line of curl asks for, with the ports that the page names replaced by those of this run."""
        words = shlex.split(line.replace("$TAILGATE_RUN_SECRET", SECRET))
        url = words[-1].replace(":8000", f":{self.port}").replace(":9464", f":{self.metrics_port}")
        headers = dict(words[at + 1].split(": ") for at, word in enumerate(words) if word == "-H")
        return httpx.get(url, headers=headers, timeout=ALLOWANCE).raise_for_status()


@pytest.fixture
async def database(cluster) -> Any:
    """An empty database with six orders in it; where to connect."""
    name = f"page_{os.urandom(4).hex()}"
    administration = await asyncpg.connect(cluster.dsn)
    await administration.execute(f"create database {name}")
    dsn = cluster.dsn.replace("/postgres?", f"/{name}?")
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table purchase as select i as id, 'new' as state from generate_series(1, 6) i")
    await connection.close()
    yield dsn
    await administration.execute(f"drop database {name} with (force)")
    await administration.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


@pytest.fixture
def served(folder: Path, database: str) -> Iterator[Served]:
    port, metrics_port = free_port(), free_port()
    environment = {
        "DATABASE_URL": database,
        "UVICORN_PORT": str(port),
        names.ENV_METRICS_PORT: str(metrics_port),
        names.ENV_RUN_SECRET: SECRET,
    }
    with started(SERVE, folder, environment) as process:
        deadline = time.monotonic() + ALLOWANCE
        while process.poll() is None and not listens(port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert process.poll() is None
        yield Served(folder, port, metrics_port)


@contextmanager
def started(line: str, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the page, until the block ends."""
    words = shlex.split(line)
    own = dict(word.split("=", 1) for word in words if "=" in word)
    program = Path(sys.executable).with_name(next(word for word in words if "=" not in word))
    command = [program, *words[len(own) + 1 :]]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | environment | own, stdout=log, stderr=log)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(ALLOWANCE)
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def without_times(shown: str) -> str:
    return _NUMBER.sub("#", shown)


def drawn(trace: str, folder: Path) -> Iterator[str]:
    """A trace of the file as the page draws it."""
    [resource] = json.loads(trace)["resourceSpans"]
    spans = [span for scope in resource["scopeSpans"] for span in scope["spans"]]
    for span in sorted(spans, key=lambda span: int(span["startTimeUnixNano"])):
        attributes = {pair["key"]: next(iter(pair["value"].values())) for pair in span["attributes"]}
        spent = f"{(int(span['endTimeUnixNano']) - int(span['startTimeUnixNano'])) / 1e6:.1f} ms"
        if span.get("parentSpanId"):
            # A busy machine makes it wait for a connection as well; nothing else may be there.
            if span["name"] != "pool wait":
                yield f"  {span['name']}  {spent}  {attributes[names.ATTR_DB_QUERY]}"
            continue
        yield f"{span['name']}  {spent}"
        for name in (
            *(names.ATTR_KEPT_REASON, names.ATTR_QUERIES),
            *(names.ATTR_N_PLUS_ONE, names.ATTR_N_PLUS_ONE_COUNT, names.ATTR_N_PLUS_ONE_SITE),
        ):
            yield f"    {name:<24} {str(attributes[name]).replace(str(folder), '/srv/shop')}"


def test_the_application_is_instrumented_by_five_lines():
    numbered = [line for line in SHOP.splitlines() if re.search(r"  # \d", line)]
    assert [re.search(r"  # (\d)", line)[1] for line in numbered] == ["1", "2", "3", "4", "5"]
    assert [line for line in SHOP.splitlines() if "ecorder" in line or "create_pool" in line] == numbered


def test_one_sees_what_the_page_shows(served):
    for line in ASK.splitlines():
        answer = served.curl(line)
    shown = answer.text.splitlines()
    for line in METRICS.splitlines():
        series, _, value = line.rpartition(" ")
        assert [float(one.rpartition(" ")[2]) for one in shown if one.startswith(f"{series} ")] == [float(value)]
    file = served.folder / "traces.jsonl"
    deadline = time.monotonic() + ALLOWANCE
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    [trace] = file.read_text().splitlines()
    assert without_times("\n".join(drawn(trace, served.folder))) == without_times(TRACE.rstrip())


def test_the_time_of_a_request_is_told_to_who_knows_the_secret(served):
    answer = served.curl(ASK_TIMING)
    assert without_times(f"server-timing: {answer.headers['server-timing']}") == without_times(TIMING.rstrip())


def test_limits_can_be_written_by_hand_or_come_from_the_objectives(tmp_path, monkeypatch):
    by_hand: dict[str, Any] = {"Config": Config}
    exec(LIMITS, by_hand)
    assert by_hand["config"].thresholds == {"GET /orders": 0.25}
    monkeypatch.chdir(tmp_path)
    assert yaml.safe_load(SLO)["kind"] == "SLO"
    (tmp_path / "slo.yaml").write_text(SLO)
    assert load("slo.yaml").budgets() == {"GET /orders": 2}
    read: dict[str, Any] = {"Config": Config}
    exec(OBJECTIVES, read)
    assert read["config"].budgets == by_hand["config"].budgets == {"GET /orders": 2}


def test_the_tests_of_the_page_say_what_the_page_says(folder, database):
    (folder / "test_shop.py").write_text(TESTS)
    (folder / "pyproject.toml").write_text(OPTION)
    environment = {"DATABASE_URL": database, "PYTHONPATH": str(folder), "PYTEST_ADDOPTS": QUICK}
    with started(RUN_TESTS, folder, environment) as process:
        assert process.wait(ALLOWANCE) == 1
    said = (folder / "log").read_text()
    assert FAILURE in said
    assert "1 failed, 1 passed" in said


def test_plain_asyncpg_in_an_application_can_be_counted(folder, database):
    plain = SHOP.replace("async with create_pool(", "import asyncpg\n    async with asyncpg.create_pool(")
    (folder / "shop.py").write_text(plain)
    (folder / "test_shop.py").write_text(TESTS)
    environment = {"DATABASE_URL": database, "PYTHONPATH": str(folder), "PYTEST_ADDOPTS": QUICK}
    outcomes = []
    for option in ("[tool.pytest.ini_options]\n", OPTION):
        (folder / "pyproject.toml").write_text(option)
        with started(RUN_TESTS, folder, environment) as process:
            process.wait(ALLOWANCE)
        outcomes.append((folder / "log").read_text())
    assert "2 failed" in outcomes[0]
    assert outcomes[0].count("nothing was counted") >= 2
    assert "7 queries, at most 2 allowed" in outcomes[1]
    assert "1 failed, 1 passed" in outcomes[1]


async def test_sqlalchemy_takes_the_connection_class(dsn):
    url = dsn.replace("postgresql:", "postgresql+asyncpg:").partition("?")[0]
    made: dict[str, Any] = {
        "create_async_engine": create_async_engine,
        "RecordedConnection": RecordedConnection,
        "url": url,
    }
    exec(ENGINE, made)
    async with made["engine"].connect() as connection:
        with recording() as record:
            await connection.execute(text("select 1"))
    await made["engine"].dispose()
    assert (record.account.queries, record.account.transactions) == (1, 1)


def test_the_command_of_the_collector_names_what_there_is():
    assignment, _, *_, file = shlex.split(COLLECT)
    assert assignment.startswith(f"{names.ENV_TEMPO_ENDPOINT}=")
    assert (ROOT / file).is_file()


async def test_a_job_is_counted_as_the_page_says(pool, capsys):
    async def job(pool: RecordedPool) -> None:
        for n in range(6):
            await pool.fetchval("select 1 where $1 > 0", n)

    inside = "async def counted(job, pool):\n" + textwrap.indent(JOB, "    ")
    space: dict[str, Any] = {}
    exec(inside, space)
    await space["counted"](job, pool)
    assert re.match(r"6 \[\('select \? where \$\d > \?', Repetition\(count=6", capsys.readouterr().out)


def test_the_links_and_names_of_the_page_exist():
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / "docs" / target).is_file()
    known = {value for name, value in vars(names).items() if name.startswith("ENV_")}
    assert set(re.findall(r"\b(?:TAILGATE|OTEL)_[A-Z_]+\b", PAGE)) <= known
