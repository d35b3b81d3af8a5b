"""What each worker of the generator saw of itself, as it crosses to who judges it, and what follows from that alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from tailgate_loadtest.measure.histogram import Histogram

LATE = 0.050
"""Seconds after which an arrival is begun late, and the loop has stood still: a tenth of what the quickest of the usual
objectives allows, half a second."""


class Readings(TypedDict, total=False):
    """What one worker saw since its load began: plain JSON; None, or no key, where its system does not tell.

    In seconds, counts, and shares of 1.
    """

    seconds: float
    lag: list[list[int]]
    """How late arrivals were begun: [bucket of a histogram, count]."""
    due: float | None
    """About when the last of them was due; None: there were none, as under the closed model."""
    cpu: float
    """Seconds of processor time."""
    cpu_busiest: float
    """Share of a core over the ten busiest seconds."""
    stalled: float
    """Seconds in which the loop stood still for longer than LATE at a time."""
    longest_stall: float
    waited: float | None
    """Seconds in which it was ready to run and had no core."""
    throttled: float | None
    """Seconds in which a quota held it back."""
    quota: float | None
    """The cores that a quota leaves it; None: there is none."""
    cores: int
    """Those it may run on."""
    machine: str | None
    """The same for the workers of one machine."""
    machine_cores: int | None
    machine_busy: float | None
    """Share of all its cores."""
    steal: float | None
    """Share of all its cores that the hypervisor gave to others."""
    target_here: bool | None
    """The service is on the same machine."""
    open_files: int | None
    """The most at once."""
    files_limit: int | None
    """None: there is none."""
    waiting_connections: int | None
    """The most at once, of the whole machine: closed, their ports not yet free."""
    local_ports: int | None
    refused: dict[str, int]
    """Requests that failed for want of ``files`` or ``ports``."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker's readings, any of which may be missing."""

    name: str
    readings: Mapping[str, Any]

    def number(self, key: str) -> float | None:
        """A reading of one number."""
        found: float | None = self.readings.get(key)
        return found

    def share(self, key: str) -> float | None:
        """A reading in seconds, as a share of the time."""
        found = self.number(key)
        return None if found is None else min(found / self.seconds, 1.0) if self.seconds > 0 else 0.0

    def refused(self, kind: str) -> int:
        """How many requests failed for want of something."""
        found: int = self.readings.get("refused", {}).get(kind, 0)
        return found

    @property
    def seconds(self) -> float:
        """How long its load lasted."""
        return self.number("seconds") or 0.0

    @property
    def lag(self) -> Histogram:
        """How late it began its arrivals."""
        return Histogram(dict(self.readings.get("lag", ())))

    @property
    def cpu(self) -> float:
        """Share of a core that it used."""
        return (self.number("cpu") or 0.0) / self.seconds if self.seconds > 0 else 0.0

    @property
    def busiest(self) -> float:
        """The same over its ten busiest seconds; over all where they are fewer."""
        return max(self.number("cpu_busiest") or 0.0, self.cpu)

    @property
    def wanted(self) -> float:
        """Cores that its load would have taken, had it had them: the work by the time that the load was due in.

        Without such a time, what it used of the time in which nothing kept it from running.
        """
        due = self.number("due")
        if due:
            return max(self.busiest, (self.number("cpu") or 0.0) / due)
        kept = most(self.share(key) for key in ("stalled", "waited", "throttled")) or 0.0
        return max(self.busiest, min(self.cpu / max(1 - kept, 0.01), 1.0))

    @property
    def beside_service(self) -> bool:
        """Whether it shares a machine with the service, as far as that is known."""
        return bool(self.readings.get("target_here"))

    @property
    def used_files(self) -> float | None:
        """Share of the files it may have open."""
        used, limit = self.number("open_files"), self.number("files_limit")
        return used / limit if used is not None and limit else None


@dataclass(frozen=True, slots=True)
class Group:
    """The workers of one machine."""

    workers: Sequence[Worker]

    @property
    def own(self) -> float | None:
        """The workers' share of all the machine's cores."""
        cores = most(worker.number("machine_cores") for worker in self.workers)
        return min(sum(worker.cpu for worker in self.workers) / cores, 1.0) if cores else None

    @property
    def used_ports(self) -> float | None:
        """Share of the local ports, at most: a file may be no socket, and a port may wait after some other service."""
        waiting = most(worker.number("waiting_connections") for worker in self.workers)
        ports = most(worker.number("local_ports") for worker in self.workers)
        if waiting is None or not ports:
            return None
        return min((waiting + sum(worker.number("open_files") or 0 for worker in self.workers)) / ports, 1.0)


def workers_of(readings: Sequence[Mapping[str, Any]]) -> list[Worker]:
    """The workers, named by their place where there are several."""
    if len(readings) == 1:
        return [Worker("the engine", readings[0])]
    return [Worker(f"worker {place} of {len(readings)}", each) for place, each in enumerate(readings, 1)]


def by_machine(workers: Iterable[Worker]) -> list[Group]:
    """The workers of each machine; one that cannot tell which it is on counts as on its own."""
    groups: dict[str, list[Worker]] = {}
    for worker in workers:
        groups.setdefault(worker.readings.get("machine") or worker.name, []).append(worker)
    return [Group(found) for found in groups.values()]


def most(found: Iterable[float | None]) -> float | None:
    """The largest of the known; None where none is."""
    return max((each for each in found if each is not None), default=None)
