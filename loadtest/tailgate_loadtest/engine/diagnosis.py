"""Whether the generator did what was asked of it: the readings of all its workers, judged together.

Past a limit no verdict is sound. Each limit that was passed is a reason: the measure, the limit, and the cure.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from tailgate_loadtest.engine.readings import LATE, Worker, by_machine, most, workers_of
from tailgate_loadtest.measure.histogram import Histogram, merged
from tailgate_loadtest.shapes.tolerance import Tolerance

MAX_CPU = 0.95
"""Share of a core over the ten busiest seconds: a worker runs on one thread, and has no more to give."""
MAX_OPEN = 0.95
"""Share of the open files, or of the local ports, that may be in use: they are counted once a second, and between two
counts there may be more."""
MAX_OWN = 0.25
"""Share of a busy machine's cores that the generator may take from a service beside it. Below, the service fills the
machine by itself, or somebody else does, and whether it keeps its objectives then is what the load is to find out."""
ROOM = 0.6
"""Share of a core that a worker may be planned to use: what is left over takes up bursts."""
_OF_WORK = ("late", "cpu", "throttled", "waited", "stalled")
"""Limits that are passed where there is more work than a worker gets done."""
_TOLERABLE = {field.name for field in fields(Tolerance)}
_DOUBT = 0.05
_USUAL_FILES = 1024
_USUAL = Tolerance()


def assess(readings: Sequence[Mapping[str, Any]], tolerance: Tolerance = _USUAL) -> dict[str, object]:
    """The fields of run.json's ``Generator``; no reasons means healthy.

    Args:
        readings: a ``Readings`` of each worker, any of whose keys may be missing.
        tolerance: what the user lets pass.

    """
    workers = workers_of(readings)
    lag = merged(worker.lag for worker in workers)
    passed = dict(_passed(workers, lag, tolerance))
    return {
        "workers": len(workers),
        "lag_p50": lag.quantile(0.5) if lag.total else 0.0,
        "lag_p99": lag.quantile(0.99) if lag.total else 0.0,
        "lag_max": lag.maximum() if lag.total else 0.0,
        "late": lag.above(LATE) / lag.total if lag.total else 0.0,
        "cpu": max((worker.cpu for worker in workers), default=0.0),
        "cpu_busiest": max((worker.busiest for worker in workers), default=0.0),
        "cpu_total": sum(worker.cpu for worker in workers),
        "longest_stall": most(worker.number("longest_stall") for worker in workers) or 0.0,
        "stalled": most(worker.share("stalled") for worker in workers) or 0.0,
        "waited": most(worker.share("waited") for worker in workers),
        "throttled": most(worker.share("throttled") for worker in workers),
        "steal": most(worker.number("steal") for worker in workers),
        "shared_busy": most(worker.number("machine_busy") for worker in workers if worker.beside_service),
        "open_files": most(worker.used_files for worker in workers),
        "local_ports": most(group.used_ports for group in by_machine(workers)),
        "reasons": [*_with_cure(passed, workers), *_used_up(workers)],
        "tolerated": [what for limit, what in _passed(workers, lag, _USUAL) if limit not in passed],
    }


def surely_above(count: int, total: int, share: float) -> bool:
    """Whether more than a share of all are so, by the lower 95 % bound: one in forty says nothing of one in a hundred.

    The exact bound of Clopper and Pearson ("The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26, 1934) lies above ``share`` just where, if ``share`` were the truth, no fewer than
    ``count`` would be so with a probability of less than 5 %.
    """
    if count <= share * total:
        return False
    if share == 0:
        return True
    log = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    tail = term = math.exp(log + count * math.log(share) + (total - count) * math.log1p(-share))
    for more in range(count, total):
        # Past the mean each term is smaller than the one before it: the rest soon adds nothing.
        term *= (total - more) / (more + 1) * share / (1 - share)
        tail += term
        if term <= 1e-9 * tail:
            break
    return tail < _DOUBT


def _with_cure(passed: Mapping[str, str], workers: Sequence[Worker]) -> Iterator[str]:
    behind = next((limit for limit in passed if limit in _OF_WORK), None)
    for limit, what in passed.items():
        # Whatever kept it from its work, that is what the work takes.
        yield f"{what}: {_cure(limit, workers)}" if limit == behind else what


def _passed(workers: Sequence[Worker], lag: Histogram, tolerance: Tolerance) -> Iterator[tuple[str, str]]:
    """Each limit that was passed, and what is to be said of it."""
    if surely_above(lag.above(LATE), lag.total, tolerance.late):
        yield (
            "late",
            (
                f"{_percent(lag.above(LATE) / lag.total)} of the arrivals were begun more than {LATE * 1e3:.0f} ms late"
                f" (limit {_percent(tolerance.late)} of them), the latest by {lag.maximum():.2g} s"
            ),
        )
    if past := [worker for worker in workers if worker.busiest > MAX_CPU]:
        worst = max(past, key=lambda worker: worker.busiest)
        yield "cpu", f"{_who(worst, past)} used {_percent(worst.busiest)} of a core (limit {_percent(MAX_CPU)})"
    yield from _lost(workers, "throttled", tolerance.throttled, f"was held back by a quota{_of_cores(workers)}")
    yield from _lost(workers, "waited", tolerance.waited, "was ready to run, and had no core,")
    yield from _lost(workers, "stalled", tolerance.stalled, "stood still, or was blocked by a task,")
    yield from _of_machines(workers, tolerance)


def _lost(workers: Sequence[Worker], key: str, limit: float, what: str) -> Iterator[tuple[str, str]]:
    """Time that went in pieces, taken as of LATE each."""
    past = []
    for worker in workers:
        pieces = round(worker.seconds / LATE)
        if surely_above(round((worker.share(key) or 0.0) * pieces), pieces, limit):
            past.append(worker)
    if past:
        worst = max(past, key=lambda worker: worker.share(key) or 0.0)
        share = _percent(worst.share(key) or 0.0)
        yield key, f"{_who(worst, past)} {what} for {share} of the time (limit {_percent(limit)})"


def _of_machines(workers: Sequence[Worker], tolerance: Tolerance) -> Iterator[tuple[str, str]]:
    stolen = most(worker.number("steal") for worker in workers)
    if stolen is not None and stolen > tolerance.steal:
        yield (
            "steal",
            (
                f"the hypervisor gave {_percent(stolen)} of the generator's machine to others"
                f" (limit {_percent(tolerance.steal)}): use a machine with processors of its own"
            ),
        )
    for group in by_machine(workers):
        busy = most(worker.number("machine_busy") for worker in group.workers if worker.beside_service)
        own = group.own
        if busy is not None and own is not None and busy > tolerance.shared and own > MAX_OWN:
            yield (
                "shared",
                (
                    f"the machine that the service runs on was {_percent(busy)} busy"
                    f" (limit {_percent(tolerance.shared)}), {_percent(own)} of it with the generator"
                    f" (limit {_percent(MAX_OWN)}), which may have slowed the service: load it from another machine"
                ),
            )


def _used_up(workers: Sequence[Worker]) -> Iterator[str]:
    if past := [worker for worker in workers if (worker.used_files or 0.0) > MAX_OPEN or worker.refused("files")]:
        worst = max(past, key=lambda worker: worker.used_files or 0.0)
        enough = 2 * max(round(worst.number("files_limit") or 0), _USUAL_FILES)
        yield (
            f"{_who(worst, past)} had {_percent(worst.used_files or 0.0)} of its files open"
            f" (limit {_percent(MAX_OPEN)}){_failed(workers, 'files')}: ulimit -n {enough} would do, or"
            f" --processes {2 * len(workers)}"
        )
    used = most(group.used_ports for group in by_machine(workers)) or 0.0
    if used > MAX_OPEN or any(worker.refused("ports") for worker in workers):
        yield (
            f"{_percent(used)} of the local ports were in use (limit {_percent(MAX_OPEN)}){_failed(workers, 'ports')}:"
            " keep connections alive, widen net.ipv4.ip_local_port_range, or load from more machines"
        )


def _failed(workers: Sequence[Worker], kind: str) -> str:
    refused = sum(worker.refused(kind) for worker in workers)
    return f", and {refused} requests failed for want of one" if refused else ""


def _cure(limit: str, workers: Sequence[Worker]) -> str:
    """How many processes would do the work that there was, each with room to spare; what else, if there are as many."""
    wanted = sum(worker.wanted for worker in workers)
    count = max(math.ceil(wanted / ROOM - 1e-9), 1)
    if count == len(workers):
        free = "a core free for it" if count == 1 else f"{count} cores free for it"
        bear = f", or bear it by --tolerate {limit}=SHARE" if limit in _TOLERABLE else ""
        return (
            f"the load takes about {wanted:.2g} cores, and something else keeps the generator from them: use a machine"
            f" with {free}{bear}"
        )
    if count < len(workers):
        return f"the load takes about {wanted:.2g} cores, so --processes {count} would do with a core for each"
    cores = sum(most(worker.number("cores") for worker in group.workers) or 0 for group in by_machine(workers))
    return f"--processes {count} would do" + (
        f", on machines with more than {cores:.0f} cores" if cores < count else ""
    )


def _of_cores(workers: Sequence[Worker]) -> str:
    bounds = [bound for worker in workers if (bound := worker.number("quota")) is not None]
    return f" of {min(bounds):.2g} cores" if bounds else ""


def _who(worst: Worker, past: Sequence[Worker]) -> str:
    return worst.name if len(past) == 1 else f"{worst.name} (and {len(past) - 1} more)"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
