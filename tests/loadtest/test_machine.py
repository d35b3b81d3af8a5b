"""What the system tells: this machine's own files, and trees of such files as other systems lay them out."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tailgate_loadtest.engine.machine import Machine, Quota, cores, files_limit, is_here, shortage

STAT = """\
cpu  100 10 50 800 40 0 5 20 30 0
cpu0 50 5 25 400 20 0 2 10 15 0
cpu1 50 5 25 400 20 0 3 10 15 0
intr 1 2 3
"""
SOCKETS = """\
sockets: used 300
TCP: inuse 21 orphan 0 tw 4321 alloc 25 mem 3
UDP: inuse 2 mem 0
"""

Layout = Callable[[dict[str, str]], Machine]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Lays out files; where one of them names ``{here}``, that is the directory they are in."""

    def lay(files: dict[str, str]) -> Machine:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(here=str(tmp_path).replace(" ", "\\040")))
        return Machine(tmp_path / "proc")

    return lay


def mount(kind: str, where: str, root: str = "/", options: str = "rw") -> str:
    return f"31 23 0:28 {root} {{here}}/{where} rw,relatime shared:9 - {kind} {kind} {options}\n"


def by_name(found: dict[str, Quota], here: Path) -> dict[str, Quota]:
    return {str(Path(path).relative_to(here)): quota for path, quota in found.items()}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_this_machine_tells_of_itself():
    machine = Machine()
    before = machine.ticks()
    assert before is not None
    assert before.cores == os.cpu_count()
    assert 0 <= before.steal <= before.total - before.idle
    while (passed := machine.ticks().since(before)).total < 5:
        sum(range(100_000))
    assert passed.total - passed.idle > 0
    assert machine.identity() == Machine().identity() != ""
    assert machine.run_delay() >= 0
    assert 1 <= cores() <= before.cores
    assert machine.local_ports() > 1000
    assert machine.waiting_connections() >= 0
    opened = machine.open_files()
    with Path(os.devnull).open(), Path(os.devnull).open():
        assert machine.open_files() >= opened + 2
    assert files_limit() is None or files_limit() > opened
    for quota in machine.quotas().values():
        assert quota.throttled >= 0
        assert quota.cores is None or quota.cores > 0


def test_a_system_without_such_files_tells_nothing(tmp_path):
    machine = Machine(tmp_path)
    assert machine.identity() is machine.ticks() is machine.run_delay() is machine.open_files() is None
    assert machine.waiting_connections() is machine.local_ports() is None
    assert machine.quotas() == {}


def test_the_machines_time_is_counted_once(layout):
    """Guests' time, which comes last, is in the users' already."""
    ticks = layout({"proc/stat": STAT}).ticks()
    assert (ticks.total, ticks.idle, ticks.steal, ticks.cores) == (1025, 840, 20, 2)
    assert ticks.since(ticks).total == 0


def test_ports_that_wait_and_ports_there_are(layout):
    machine = layout({"proc/net/sockstat": SOCKETS, "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n"})
    assert machine.waiting_connections() == 4321
    assert machine.local_ports() == 28232


def test_a_kernel_that_does_not_count_the_run_queue_tells_nothing_of_it(layout):
    assert layout({"proc/self/schedstat": "0 0 0\n"}).run_delay() is None
    assert layout({"proc/self/schedstat": "1000 2500000000 7\n"}).run_delay() == 2.5


def test_quotas_of_the_second_version_up_to_the_root(layout, tmp_path):
    machine = layout(
        {
            "proc/self/mountinfo": mount("cgroup2", "fs/c\\040group"),
            "proc/self/cgroup": "0::/pod/load\n",
            "fs/c group/cpu.stat": "usage_usec 5\nuser_usec 3\n",  # the root is not bounded, nor counted
            "fs/c group/pod/cpu.stat": "usage_usec 5\nnr_periods 50\nnr_throttled 20\nthrottled_usec 1500000\n",
            "fs/c group/pod/cpu.max": "50000 100000\n",
            "fs/c group/pod/load/cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
            "fs/c group/pod/load/cpu.max": "max 100000\n",
        }
    )
    assert by_name(machine.quotas(), tmp_path) == {
        "fs/c group/pod/load": Quota(cores=None, throttled=0),
        "fs/c group/pod": Quota(cores=0.5, throttled=1.5),
    }


@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct", "cpuacct,cpu"])
def test_quotas_of_the_first_version(layout, tmp_path, controllers):
    machine = layout(
        {
            "proc/self/mountinfo": mount("cgroup", "memory", options="rw,memory")
            + mount("cgroup", "cpu", options=f"rw,{controllers}")
            + mount("cgroup2", "unified"),
            "proc/self/cgroup": f"8:memory:/elsewhere\n4:{controllers}:/load\n1:name=systemd:/x\n0::/\n",
            "cpu/load/cpu.stat": "nr_periods 30\nnr_throttled 25\nthrottled_time 2250000000\n",
            "cpu/load/cpu.cfs_quota_us": "10000\n",
            "cpu/load/cpu.cfs_period_us": "100000\n",
            "cpu/cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
            "cpu/cpu.cfs_quota_us": "-1\n",
            "cpu/cpu.cfs_period_us": "100000\n",
        }
    )
    assert by_name(machine.quotas(), tmp_path) == {
        "cpu/load": Quota(cores=0.1, throttled=2.25),
        "cpu": Quota(cores=None, throttled=0),
    }


@pytest.mark.parametrize("group", ["/docker/abc", "/../../other", "/"])
def test_inside_a_container_what_bounds_it_is_at_the_mount_point(layout, tmp_path, group):
    machine = layout(
        {
            "proc/self/mountinfo": mount("cgroup", "cpu", root="/docker/abc", options="rw,cpu"),
            "proc/self/cgroup": f"4:cpu:{group}\n",
            "cpu/cpu.stat": "nr_periods 3\nnr_throttled 1\nthrottled_time 90000000\n",
        }
    )
    assert by_name(machine.quotas(), tmp_path) == {"cpu": Quota(cores=None, throttled=0.09)}


def test_a_quota_of_several_cores_takes_no_more_than_the_periods_in_which_it_was_used_up(layout, tmp_path):
    """The kernel adds what each core lost; a worker on one of them lost no more than those periods."""
    machine = layout(
        {
            "proc/self/mountinfo": mount("cgroup2", "fs"),
            "proc/self/cgroup": "0::/\n",
            "fs/cpu.stat": "nr_periods 9\nnr_throttled 5\nthrottled_usec 9000000\n",
            "fs/cpu.max": "200000 100000\n",
        }
    )
    assert by_name(machine.quotas(), tmp_path) == {"fs": Quota(cores=2, throttled=0.5)}


def test_a_process_that_is_moved_is_followed(layout, tmp_path):
    files = {
        "proc/self/mountinfo": mount("cgroup2", "fs"),
        "fs/a/cpu.stat": "nr_throttled 0\nthrottled_usec 0\n",
        "fs/b/cpu.stat": "nr_throttled 0\nthrottled_usec 0\n",
    }
    machine = layout({**files, "proc/self/cgroup": "0::/a\n"})
    assert set(by_name(machine.quotas(), tmp_path)) == {"fs/a"}
    layout({"proc/self/cgroup": "0::/b\n"})
    assert set(by_name(machine.quotas(), tmp_path)) == {"fs/b"}


GARBAGE = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                *("cpu", "cpu0", "-1", "0", "max", "99999999999999999999", "nan", "TCP:", "tw", "nr_throttled", "\n"),
                *("throttled_usec", "throttled_time", "0::/", "4:cpu:/", "/../..", "- cgroup2 x rw", "- cgroup c cpu"),
                *("/", "1 2 3 / /proc rw - cgroup2 a b\n", ":", "::", "\\777", "\\000", "9" * 400, "\x00"),
            ]
        ),
        max_size=20,
    ).map(lambda words: " ".join(words).encode()),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(GARBAGE, st.sampled_from(["stat", "self/schedstat", "self/cgroup", "self/mountinfo", "net/sockstat", "quota"]))
def test_garbage_is_no_reading_and_no_error(tmp_path, garbage, name):
    good = {
        "proc/stat": STAT.encode(),
        "proc/self/cgroup": b"0::/\n",
        "proc/self/mountinfo": mount("cgroup2", "fs").format(here=tmp_path).encode(),
        "fs/cpu.stat": b"nr_throttled 1\nthrottled_usec 1\n",
    }
    bad = {"fs/cpu.stat": garbage, "fs/cpu.max": garbage} if name == "quota" else {f"proc/{name}": garbage}
    for path, content in {**good, "fs/cpu.max": b"", **bad}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    machine = Machine(tmp_path / "proc")
    machine.ticks()
    machine.run_delay()
    machine.waiting_connections()
    assert all(quota.throttled >= 0 for quota in machine.quotas().values())


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "https://localhost", "http://127.9.9.9/"])
def test_an_address_of_this_machine_is_here(url):
    assert is_here(url) is True


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://192.0.2.1", False),
        ("http://nowhere.invalid", None),
        (f"http://{'a' * 80}", None),
        ("http://[::1", None),
    ],
)
def test_an_address_elsewhere_or_nowhere_is_not(url, here):
    assert is_here(url) is here


def test_a_process_without_a_file_left_is_known_by_its_error():
    """As it happens: in a process of its own, which may open no more files than it has."""
    script = """
import os, resource, socket
from tailgate_loadtest.engine.machine import shortage
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1, 4096))
try:
    socket.socket()
except OSError as error:
    print(shortage(error))
"""
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "files\n"


def test_a_connection_without_a_port_left_is_known_through_what_wraps_it():
    lack = OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
    chained = ValueError("a connection could not be made")
    chained.__cause__ = lack
    assert shortage(lack) == shortage(chained) == shortage(requests.ConnectionError(lack)) == "ports"
    with pytest.raises(OSError) as found, socket.socket() as probe:
        probe.bind(("192.0.2.1", 0))
    assert shortage(found.value) == "ports"


def test_other_errors_are_no_shortage():
    around: list[Exception] = [ValueError("a"), ValueError("b")]
    around[0].__cause__, around[1].__cause__ = around[1], around[0]
    assert shortage(around[0]) is None
    assert shortage(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
    assert shortage(None) is None
