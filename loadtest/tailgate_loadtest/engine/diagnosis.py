"""Whether the generator did what was asked of it: the readings of all its workers, judged together.

Past a limit no verdict is sound. Each limit that was passed is a reason: the measure, the limit, and the cure.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tailgate_loadtest.engine.readings import LATE, Worker, by_machine, most, workers_of
from tailgate_loadtest.measure.histogram import Histogram, merged

MAX_LATE = 0.01
"""Share of the arrivals that may be late: if there are more, a p99 is the generator's."""
MAX_STALLED = 0.01
"""Share of the time in which the loop may stand still for longer than LATE at once. Under the closed model no arrival
is late, but what is on its way then is timed when the loop goes on."""
MAX_CPU = 0.95
"""Share of a core over the ten busiest seconds: a worker runs on one thread, and has no more to give."""
MAX_WAITING = 0.50
"""Share of the time in which a worker may be ready to run and have no core. It waits for milliseconds at a time, as on
any machine with work to do; once it waits for longer than not, others decide when it runs."""
MAX_THROTTLED = 0.05
"""Share of the time for which a quota may hold a worker back. Unlike a busy core, it does so for most of a period of a
tenth of a second at a time; for more than LATE it counts as a stall as well, by that limit."""
MAX_STEAL = 0.10
"""Share of its machine's time that a hypervisor may give to others; on a busy machine one in ten steps then takes
longer, and nobody in it can tell which."""
MAX_OPEN = 0.95
"""Share of the open files, or of the local ports, that may be in use: they are counted once a second, and between two
counts there may be more."""
MAX_SHARED = 0.95
"""Share of its machine's cores that may be busy where the service runs on it, too..."""
MAX_OWN = 0.25
"""...if so large a share of them is busy with the generator. Below, the service fills the machine by itself, or
somebody else does, and whether it keeps its objectives then is what the load is to find out."""
ROOM = 0.6
"""Share of a core that a worker may be planned to use: what is left over takes up bursts."""
_DOUBT = 0.05
_USUAL_FILES = 1024


def assess(readings: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """The fields of run.json's ``Generator``; no reasons means healthy.

    Args:
        readings: a ``Readings`` of each worker, any of whose keys may be missing.

    """
    workers = workers_of(readings)
    lag = merged(worker.lag for worker in workers)
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
        "reasons": list(_reasons(workers, lag)),
    }


def surely_above(count: int, total: int, share: float) -> bool:
    """Whether more than a share of all are so, by the lower 95 % bound: one in forty says nothing of one in a hundred.

    The exact bound of Clopper and Pearson ("The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26, 1934) lies above ``share`` just where, if ``share`` were the truth, no fewer than
    ``count`` would be so with a probability of less than 5 %.
    """
    if count <= share * total:
        return False
    log = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    tail = term = math.exp(log + count * math.log(share) + (total - count) * math.log1p(-share))
    for more in range(count, total):
        # Past the mean each term is smaller than the one before it: the rest soon adds nothing.
        term *= (total - more) / (more + 1) * share / (1 - share)
        tail += term
        if term <= 1e-9 * tail:
            break
    return tail < _DOUBT


def _reasons(workers: Sequence[Worker], lag: Histogram) -> Iterator[str]:
    if behind := list(_behind(workers, lag)):
        # Whatever kept it from its work, that is what the work takes.
        yield f"{behind[0]}: {_cure(workers)}"
        yield from behind[1:]
    yield from _of_machines(workers)
    yield from _used_up(workers)


def _behind(workers: Sequence[Worker], lag: Histogram) -> Iterator[str]:
    if surely_above(lag.above(LATE), lag.total, MAX_LATE):
        yield (
            f"{_percent(lag.above(LATE) / lag.total)} of the arrivals were begun more than {LATE * 1e3:.0f} ms late"
            f" (limit {_percent(MAX_LATE)} of them), the latest by {lag.maximum():.2g} s"
        )
    if past := [worker for worker in workers if worker.busiest > MAX_CPU]:
        worst = max(past, key=lambda worker: worker.busiest)
        yield f"{_who(worst, past)} used {_percent(worst.busiest)} of a core (limit {_percent(MAX_CPU)})"
    yield from _lost(workers, "throttled", MAX_THROTTLED, f"was held back by a quota{_of_cores(workers)}")
    yield from _lost(workers, "waited", MAX_WAITING, "was ready to run, and had no core,")
    yield from _lost(workers, "stalled", MAX_STALLED, "stood still, or was blocked by a task,")


def _lost(workers: Sequence[Worker], key: str, limit: float, what: str) -> Iterator[str]:
    """Time that went in pieces, taken as of LATE each."""
    past = []
    for worker in workers:
        pieces = round(worker.seconds / LATE)
        if surely_above(round((worker.share(key) or 0.0) * pieces), pieces, limit):
            past.append(worker)
    if past:
        worst = max(past, key=lambda worker: worker.share(key) or 0.0)
        share = _percent(worst.share(key) or 0.0)
        yield f"{_who(worst, past)} {what} for {share} of the time (limit {_percent(limit)})"


def _of_machines(workers: Sequence[Worker]) -> Iterator[str]:
    stolen = most(worker.number("steal") for worker in workers)
    if stolen is not None and stolen > MAX_STEAL:
        yield (
            f"the hypervisor gave {_percent(stolen)} of the generator's machine to others"
            f" (limit {_percent(MAX_STEAL)}): use a machine with processors of its own"
        )
    for group in by_machine(workers):
        busy = most(worker.number("machine_busy") for worker in group.workers if worker.beside_service)
        own = group.own
        if busy is not None and own is not None and busy > MAX_SHARED and own > MAX_OWN:
            yield (
                f"the machine that the service runs on was {_percent(busy)} busy (limit {_percent(MAX_SHARED)}),"
                f" {_percent(own)} of it with the generator (limit {_percent(MAX_OWN)}), which may have slowed the"
                " service: load it from another machine"
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


def _cure(workers: Sequence[Worker]) -> str:
    """How many processes would do the work that there was, each with room to spare."""
    wanted = sum(worker.wanted for worker in workers)
    count = max(math.ceil(wanted / ROOM - 1e-9), 1)
    if count <= len(workers):
        # They are enough, and it is something else that keeps them from their work.
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
