"""The embedded Postgres: only with its password, beside others, and gone with its parent."""

import json
import os
import pwd
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import asyncpg
import pytest
from tailgate_service.errors import ClusterError
from tailgate_service.postgres import binaries
from tailgate_service.postgres import cluster as cluster_module
from tailgate_service.postgres.cluster import DATABASE, USER, Cluster

ROOT = os.geteuid() == 0
RUN = """
    import json, os, sys
    from tailgate_service.postgres.cluster import Cluster
    cluster = Cluster()
    cluster.initialise()
    cluster.start()
    guardian = cluster._guardian._process.pid
    print(json.dumps({"directory": str(cluster.directory), "guardian": guardian, "dsn": cluster.dsn}), flush=True)
    sys.stdin.read()
    cluster.close()
"""


async def answer(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def processes_of(directory: str | Path) -> list[int]:
    """The processes, guardian included, that were started for a cluster's directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if os.fsencode(directory) in command:
            found.append(int(process.name))
    return found


def until(condition) -> bool:
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


@pytest.fixture
def parent():
    """A process of its own that has started a cluster, and what it says of it."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RUN)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process, json.loads(process.stdout.readline())
    process.kill()
    process.communicate()


async def test_it_is_a_postgres_18(postgres):
    assert str(await answer(postgres.dsn, "SHOW server_version")).startswith("18.")


@pytest.mark.parametrize("host", ["127.0.0.1", "the socket"])
async def test_without_its_password_nobody_gets_in(postgres, host):
    place = str(postgres.directory / "socket") if host == "the socket" else host
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host=place, port=postgres.port, user=USER, database=DATABASE, password="guessed")
    connection = await asyncpg.connect(
        host=place, port=postgres.port, user=USER, database=DATABASE, password=postgres.password
    )
    await connection.close()


def test_its_files_are_its_own_users_alone(postgres):
    for place in (postgres.data, postgres.directory / "socket"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert place.stat().st_uid == binaries.identity().uid
    status = postgres.directory.stat()
    assert stat.S_IMODE(status.st_mode) == (0o711 if ROOT else 0o700)
    assert status.st_uid == os.geteuid()
    assert not (postgres.directory / "password").exists()


@pytest.mark.skipif(not ROOT, reason="an ordinary user runs the binaries where they are installed")
def test_as_root_it_is_run_by_nobody_from_a_copy_only_root_can_write(postgres):
    server = int((postgres.data / "postmaster.pid").read_text().split("\n")[0])
    assert Path(f"/proc/{server}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    program = Path(f"/proc/{server}/exe").readlink()
    assert binaries.only_root_writes(program)
    assert not program.is_relative_to(sys.prefix)


async def test_two_at_once_do_not_disturb_each_other(postgres):
    with Cluster() as other:
        other.initialise()
        other.start()
        assert other.port != postgres.port
        await answer(other.dsn, "CREATE TABLE only_here ()")
    assert await answer(postgres.dsn, "SELECT to_regclass('only_here')") is None


async def test_a_port_taken_meanwhile_is_no_failure(postgres, monkeypatch):
    taken, unused = [postgres.port], cluster_module._unused_port
    monkeypatch.setattr(cluster_module, "_unused_port", lambda: taken.pop() if taken else unused())
    with Cluster() as other:
        other.initialise()
        other.start()
        assert not taken
        assert other.port != postgres.port


async def test_stopped_and_started_again_it_has_kept_its_data():
    with Cluster() as cluster:
        cluster.initialise()
        cluster.start()
        await answer(cluster.dsn, "CREATE TABLE kept ()")
        cluster.stop()
        assert not cluster.alive
        cluster.start()
        assert cluster.alive
        assert await answer(cluster.dsn, "SELECT to_regclass('kept') IS NOT NULL")


def test_closed_it_leaves_neither_process_nor_directory():
    with Cluster() as cluster:
        cluster.initialise()
        cluster.start()
        assert processes_of(cluster.directory)
    cluster.close()
    assert not processes_of(cluster.directory)
    assert not cluster.directory.exists()


def test_what_it_said_is_in_the_error_when_it_cannot_start():
    with Cluster() as cluster:
        cluster.initialise()
        (cluster.data / "postgresql.conf").write_text("no_such_setting = 1\n")
        with pytest.raises(ClusterError, match="no_such_setting"):
            cluster.start()


def test_a_parent_killed_leaves_neither_process_nor_directory(parent):
    process, told = parent
    assert len(processes_of(told["directory"])) > 1
    process.kill()
    assert until(lambda: not processes_of(told["directory"]))
    assert until(lambda: not Path(told["directory"]).exists())


def test_a_guardian_killed_takes_postgres_along_and_the_next_start_sweeps(parent):
    _, told = parent
    os.kill(told["guardian"], signal.SIGKILL)
    assert until(lambda: not processes_of(told["directory"]))
    Cluster().close()
    assert not Path(told["directory"]).exists()


def test_a_directory_in_use_is_not_swept(postgres):
    Cluster().close()
    assert postgres.alive
    assert postgres.data.exists()


@pytest.mark.skipif(not ROOT, reason="as an ordinary user every other test shows it")
def test_an_ordinary_user_runs_it_too(tmp_path):
    nobody = pwd.getpwnam("nobody")
    as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}
    environ = {"HOME": "/nonexistent", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run([python, "-c", "import asyncpg"], env=environ, check=False, **as_nobody)
        except PermissionError:
            continue
        if done.returncode == 0:
            break
    else:
        pytest.skip("no Python here that an ordinary user can run with these packages")
    process = subprocess.run(
        [python, "-c", textwrap.dedent(RUN)],
        input="",
        capture_output=True,
        text=True,
        env=environ,
        check=False,
        **as_nobody,
    )
    assert process.returncode == 0, process.stderr
    assert "directory" in process.stdout
