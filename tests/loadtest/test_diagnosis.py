"""When a generator is healthy: limits, what is said past them, and how many processes would do."""

import dataclasses
import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaincinv
from tailgate_loadtest.engine import diagnosis
from tailgate_loadtest.engine.diagnosis import assess, surely_above
from tailgate_loadtest.engine.readings import Readings
from tailgate_loadtest.measure import buckets
from tailgate_loadtest.run.document import Generator
from tailgate_loadtest.shapes.tolerance import Tolerance


def reading(**changes) -> Readings:
    """Of a worker that did well for a minute."""
    return Readings(
        **{
            "seconds": 60.0,
            "lag": lags(600),
            "due": 60.0,
            "cpu": 6.0,
            "cpu_busiest": 0.2,
            "stalled": 0.0,
            "longest_stall": 0.002,
            "waited": 0.5,
            "throttled": 0.0,
            "quota": None,
            "cores": 4,
            "machine": "one",
            "machine_cores": 4,
            "machine_busy": 0.5,
            "steal": 0.0,
            "target_here": False,
            "open_files": 50,
            "files_limit": 1024,
            "waiting_connections": 100,
            "local_ports": 28232,
            "refused": {},
            **changes,
        }
    )


def lags(good: int, late: int = 0, by: float = 1.0) -> list[list[int]]:
    found = [[buckets.index(200_000), good], [buckets.index(round(by * 1e9)), late]]
    return [[bucket, count] for bucket, count in found if count]


def reasons(*readings) -> list[str]:
    return assess(readings)["reasons"]


def processes(reason: str) -> int:
    return int(re.search(r"--processes (\d+)", reason)[1])


def test_a_generator_that_did_well_has_no_reasons():
    assert reasons(reading()) == []
    assert reasons(reading(), reading(machine="two")) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lag": lags(500, 100)}, "16.7 % of the arrivals were begun more than 50 ms late (limit 1 % of them)"),
        ({"cpu": 59.0}, "the engine used 98.3 % of a core (limit 95 %)"),
        ({"cpu_busiest": 1.0}, "the engine used 100 % of a core (limit 95 %)"),
        ({"stalled": 3.0}, "the engine stood still, or was blocked by a task, for 5 % of the time (limit 1 %)"),
        ({"waited": 45.0}, "was ready to run, and had no core, for 75 % of the time (limit 50 %)"),
        ({"throttled": 30.0}, "was held back by a quota for 50 % of the time (limit 5 %)"),
        ({"throttled": 30.0, "quota": 0.1}, "was held back by a quota of 0.1 cores for 50 % of the time"),
        ({"steal": 0.2}, "the hypervisor gave 20 % of the generator's machine to others (limit 10 %)"),
        ({"open_files": 1020}, "had 99.6 % of its files open (limit 95 %): ulimit -n 2048 would do"),
        ({"refused": {"files": 3}}, "and 3 requests failed for want of one: ulimit -n 2048 would do"),
        ({"waiting_connections": 28000}, "99.4 % of the local ports were in use (limit 95 %): keep connections alive"),
        ({"refused": {"ports": 7}}, "and 7 requests failed for want of one: keep connections alive"),
        (
            {"target_here": True, "machine_busy": 0.99, "cpu": 54.0, "machine_cores": 2},
            "the service runs on was 99 % busy (limit 95 %), 45 % of it with the generator (limit 25 %)",
        ),
    ],
)
def test_each_limit_passed_is_said_with_its_measure(changes, says):
    found = reasons(reading(**changes))
    assert len(found) == 1
    assert says in found[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"lag": lags(39, 1)},
        {"lag": lags(9_900, 100)},
        {"cpu": 56.0},
        {"stalled": 0.3, "longest_stall": 0.3},
        {"waited": 20.0},
        {"throttled": 2.0},
        {"steal": 0.09},
        {"open_files": 900},
        {"waiting_connections": 20_000},
        # The service, or somebody else, fills the machine.
        {"target_here": True, "machine_busy": 1.0},
        # The generator fills it, and the service is elsewhere.
        {"target_here": False, "machine_busy": 1.0, "cpu": 54.0, "machine_cores": 1},
        {"target_here": None, "machine_busy": 1.0, "cpu": 54.0, "machine_cores": 1},
    ],
)
def test_what_stays_within_a_limit_is_no_reason(changes):
    assert reasons(reading(**changes)) == []


def test_a_single_late_arrival_among_few_decides_nothing_and_the_same_share_of_many_does():
    assert reasons(reading(lag=lags(39, 1))) == []
    assert len(reasons(reading(lag=lags(3900, 100)))) == 1


@settings(max_examples=300)
@given(st.integers(0, 3000), st.integers(1, 3000), st.sampled_from([0.01, 0.05, 0.5]))
def test_a_share_is_surely_above_a_limit_where_the_bound_of_clopper_and_pearson_is(count, total, limit):
    count = min(count, total)
    low = float(betaincinv(count, total - count + 1, 0.05)) if count else 0.0
    if not math.isclose(low, limit, rel_tol=1e-6):
        assert surely_above(count, total, limit) == (low > limit)


def test_counts_of_any_size_have_a_bound():
    assert surely_above(10_000_000, 10_000_000, 0.01)
    assert surely_above(1_010_000, 100_000_000, 0.01)
    assert not surely_above(1_000_100, 100_000_000, 0.01)
    assert not surely_above(0, 0, 0.01)


def test_as_many_processes_as_the_work_takes():
    """A core that had no more to give; and one that needed a minute for what was due in half of it."""
    assert processes(reasons(reading(cpu=59.0))[0]) == 2
    assert processes(reasons(reading(cpu=59.5, lag=lags(100, 500, by=30), due=30.0))[0]) == 4
    four = [reading(cpu=58.0, machine=str(number)) for number in range(4)]
    assert [processes(reason) for reason in reasons(*four)] == [7]


def test_a_generator_that_is_kept_from_little_work_is_not_told_to_become_many():
    """Six seconds' work that was due in twenty: three tenths of a core; and the same of each of two, at once."""
    (reason,) = reasons(reading(cpu=6.0, lag=lags(10, 590, by=40), due=20.0))
    assert (
        "takes about 0.3 cores, and something else keeps the generator from them: use a machine with a core" in reason
    )
    assert reason.endswith(", or bear it by --tolerate late=SHARE")
    (reason,) = reasons(*(reading(cpu=6.0, lag=lags(10, 590, by=40), due=20.0, machine=name) for name in "abc"))
    assert "takes about 0.9 cores, so --processes 2 would do with a core for each" in reason


def test_a_core_that_had_no_more_to_give_cannot_be_borne():
    (reason,) = reasons(reading(cpu=58.0), reading(cpu=1.0, machine="two"))
    assert reason.endswith("use a machine with 2 cores free for it")


def test_a_closed_load_takes_what_it_used_of_the_time_it_could_use():
    """It ran for a tenth of the time, and for nine tenths it could not: it would take a whole core, if it had one."""
    assert processes(reasons(reading(lag=[], due=None, cpu=6.0, throttled=54.0))[0]) == 2
    assert "--tolerate stalled=SHARE" in reasons(reading(lag=[], due=None, cpu=6.0, stalled=30.0))[0]


def test_what_would_do_is_said_once():
    found = reasons(reading(lag=lags(100, 500), cpu=59.0, stalled=30.0, waited=40.0, throttled=30.0))
    assert len(found) == 5
    assert ["--processes" in reason for reason in found] == [True, False, False, False, False]


def test_more_processes_than_cores_are_sent_to_other_machines():
    (reason,) = reasons(*(reading(cpu=58.0, cores=2) for _ in range(2)))
    assert reason.startswith("worker 1 of 2 (and 1 more) used 96.7 % of a core")
    assert reason.endswith("--processes 4 would do, on machines with more than 2 cores")


def test_of_several_workers_the_worst_is_named():
    found = reasons(reading(), reading(stalled=6.0), reading(stalled=12.0))
    assert len(found) == 1
    assert found[0].startswith("worker 3 of 3 (and 1 more) stood still, or was blocked by a task, for 20 % of the time")


def test_workers_of_one_machine_share_its_ports_and_its_cores():
    half = {"open_files": 9_000, "files_limit": 20_000, "waiting_connections": 10_000}
    assert reasons(reading(**half, machine="a"), reading(**half, machine="b")) == []
    assert "99.2 % of the local ports" in reasons(reading(**half), reading(**half))[0]
    busy = {"target_here": True, "machine_busy": 1.0, "cpu": 36.0}
    assert reasons(reading(**busy)) == []
    assert "30 % of it with the generator" in reasons(reading(**busy), reading(**busy))[0]


def test_no_workers_and_workers_that_tell_nothing_are_no_error():
    for readings in ([], [{}], [{}, {"lag": []}], [dict.fromkeys(reading())]):
        found = assess(
            [{name: value for name, value in each.items() if name not in ("lag", "refused")} for each in readings]
        )
        assert found["reasons"] == []
        Generator(**found)


POSITIVE = st.floats(0, 1e6)
SOME = st.fixed_dictionaries(
    {},
    optional={
        "seconds": st.just(0.0) | st.floats(0.001, 1e6),
        "lag": st.dictionaries(st.integers(0, buckets.LAST), st.integers(1, 10**7), max_size=6).map(
            lambda counts: [[bucket, count] for bucket, count in counts.items()]
        ),
        **dict.fromkeys(("cpu", "cpu_busiest", "stalled", "longest_stall"), POSITIVE),
        "due": st.none() | st.just(0.0) | st.floats(0.001, 1e6),
        **dict.fromkeys(("waited", "throttled", "quota", "machine_busy", "steal"), st.none() | POSITIVE),
        "machine": st.none() | st.sampled_from("ab"),
        "target_here": st.none() | st.booleans(),
        "cores": st.integers(1, 512),
        **dict.fromkeys(
            ("machine_cores", "open_files", "files_limit", "waiting_connections", "local_ports"),
            st.none() | st.integers(0, 10**6),
        ),
        "refused": st.dictionaries(st.sampled_from(["files", "ports"]), st.integers(0, 10**6)),
    },
)


@settings(max_examples=200)
@given(st.lists(SOME, max_size=5))
def test_whatever_the_readings_they_come_to_a_document_and_survive_the_way(readings):
    found = assess(readings)
    assert found == assess(json.loads(json.dumps(readings)))
    known = Generator(**found)
    assert known.workers == len(readings)
    for share in (known.late, known.stalled, known.waited, known.throttled, known.local_ports):
        assert share is None or 0 <= share <= 1
    assert all("nan" not in reason and "None" not in reason for reason in known.reasons)


@settings(max_examples=100)
@given(st.lists(SOME, min_size=1, max_size=5), st.randoms())
def test_the_order_of_the_workers_changes_no_measure(readings, random):
    shuffled = random.sample(readings, len(readings))
    found, other = assess(readings), assess(shuffled)
    for name, value in found.items():
        if name not in ("reasons", "cpu_total"):
            assert other[name] == value
    assert other["cpu_total"] == pytest.approx(found["cpu_total"])
    assert len(other["reasons"]) == len(found["reasons"])


@settings(max_examples=100)
@given(SOME)
def test_a_worker_that_did_well_makes_no_other_one_healthy(bad):
    """But for the arrivals, which are counted together: of few late ones among very many nobody need be told."""
    alone = [reason for reason in reasons(bad) if "arrivals" not in reason and "ports" not in reason]
    together = reasons({**bad, "machine": "bad"}, reading(machine="good"))
    assert len([reason for reason in together if "arrivals" not in reason and "ports" not in reason]) == len(alone)


def test_every_limit_is_a_share():
    limits = [value for name, value in vars(diagnosis).items() if name.startswith("MAX_")]
    limits += dataclasses.asdict(Tolerance()).values()
    assert len(limits) == 9
    assert all(0 < limit < 1 for limit in limits)
