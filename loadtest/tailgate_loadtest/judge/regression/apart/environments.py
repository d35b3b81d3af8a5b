"""What differs between runs of two moments besides the change: named, and held against what may be concluded.

A difference counts where the values of both sides' runs differ as sets. Where not a single value is common to both, it
goes hand in hand with the change, and nobody can tell the two apart.
"""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

from tailgate_loadtest.errors import ComparisonError
from tailgate_loadtest.judge.listed import listed
from tailgate_loadtest.judge.regression.apart.past import Past
from tailgate_loadtest.run.document import RunDocument
from tailgate_loadtest.run.environment import Fact

Spoils = Literal["nothing", "times", "counts"]
"""What can be concluded no more: response times and failures, or not even queries per request."""

_OWN = ("revision", "dirty", "load_before", "db_rtt.measured", "template")
"""Facts that differ from run to run by nature, or are the change itself."""
_OF_TIMES = ("cores", "processor", "fsync", "db_rtt.emulated")
_OF_DATA = "seed."
APART = 3600.0
"""Seconds between two runs from which on they are of two moments."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something in which the two sides' runs differ."""

    what: str
    spoils: Spoils = "nothing"


def refuse(base: Sequence[Past], candidate: Sequence[Past]) -> None:
    """Refuse what has no answer at all: another load is another question.

    Raises:
        ComparisonError: the sides' runs were not put under the same load; the message names both.
    """
    for what, value in (("model", _model), ("profile", _profile), ("locustfile", _locustfile), ("load", _load)):
        _one(what, value, base, candidate)
    for each in (*base, *candidate):
        if each.together != base[0].together:
            raise ComparisonError(
                f"{base[0].name} and {each.name} cannot be compared: one of them was loaded alone, and the other with"
                " another side beside it, by a share of the arrivals"
            )
        if each.run.plan.steps:
            raise ComparisonError(
                f"{each.name}: searched for the highest rate held, so its percentiles are of many rates together;"
                " compare runs of a profile without steps"
            )
    routes = [{route for each in side for route in each.routes} for side in (base, candidate)]
    if all(routes) and not routes[0] & routes[1]:
        raise ComparisonError(
            f"{base[0].name} and {candidate[0].name} have no route in common:"
            f" {listed(sorted(routes[0]))} against {listed(sorted(routes[1]))}"
        )
    if twice := {each.digest for each in base} & {each.digest for each in candidate}:
        names = [next(each.name for each in side if each.digest in twice) for side in (base, candidate)]
        raise ComparisonError(f"{names[0]} and {names[1]} are the same run, which cannot be on both sides")


def differences(base: Sequence[Past], candidate: Sequence[Past]) -> list[Difference]:
    """All in which the sides' runs differ, what spoils a conclusion first."""
    found: list[Difference] = []
    for name in sorted({name for each in (*base, *candidate) for name in each.run.environment} - set(_OWN)):
        spoils: Spoils = "times" if name in _OF_TIMES else "counts" if name.startswith(_OF_DATA) else "nothing"
        found += _differ(name.replace("_", " "), partial(_fact, name), base, candidate, spoils)
    for what, of_run in _PLANNED.items():
        found += _differ(what, of_run, base, candidate)
    return sorted(found, key=lambda each: each.spoils == "nothing")


def moments(base: Sequence[Past], candidate: Sequence[Past]) -> tuple[int, int]:
    """At how many moments each side's runs were made.

    Runs of a side that follow one another within APART, and without one of the other side between them, share a moment:
    what the machine's neighbours, its caches and its clock did then is common to them.
    """
    runs = [(each.run, side) for side, runs in enumerate((base, candidate)) for each in runs]
    counts, last, ended = [0, 0], -1, 0.0
    for run, side in sorted(runs, key=lambda each: each[0].began):
        if side != last or run.began - ended > APART:
            counts[side] += 1
        last, ended = side, run.began + run.seconds
    return counts[0], counts[1]


_PLANNED: dict[str, Callable[[RunDocument], Fact]] = {
    "host": lambda run: host(run.plan.host),
    "seed": lambda run: run.plan.seed,
    "length of the load": lambda run: f"{sum(stage.duration for stage in run.plan.stages) or run.measured_to:.0f} s",
    "warm-up": lambda run: f"{run.plan.warmup:g} s",
    "users at most": lambda run: run.plan.users,
    "drain at most": lambda run: f"{run.plan.drain:g} s",
    "objectives": lambda run: run.plan.slo_digest and run.plan.slo_digest[:12],
    "generator's processes": lambda run: run.generator.workers,
    "limits of the generator that were moved": lambda run: ", ".join(sorted(run.plan.tolerance)) or "none",
    "brake": lambda run: "ended the load" if run.aborted else "did not end the load",
    "tailgate": lambda run: run.tool,
}


def _differ(
    what: str,
    of_run: Callable[[RunDocument], Fact],
    base: Sequence[Past],
    candidate: Sequence[Past],
    spoils: Spoils = "nothing",
) -> Iterable[Difference]:
    values = [{_word(of_run(each.run)) for each in side} for side in (base, candidate)]
    if values[0] == values[1]:
        return
    apart = not values[0] & values[1]
    yield Difference(
        what=f"{what}: {listed(sorted(values[0]))} against {listed(sorted(values[1]))}",
        spoils=spoils if apart else "nothing",
    )


def host(address: str) -> str:
    """Where a load went; on loopback without the port, which a service of ours finds anew for every run."""
    try:
        name = urlsplit(address).hostname or ""
        return "loopback" if name == "localhost" or ipaddress.ip_address(name).is_loopback else address
    except ValueError:
        return address


def _fact(name: str, run: RunDocument) -> Fact:
    return run.environment.get(name)


def _one(what: str, of_run: Callable[[RunDocument], str], base: Sequence[Past], candidate: Sequence[Past]) -> None:
    first = base[0]
    for each in (*base, *candidate):
        if of_run(each.run) != of_run(first.run):
            raise ComparisonError(
                f"{first.name} and {each.name} cannot be compared, their {what} differs:"
                f" {of_run(first.run)} against {of_run(each.run)}"
            )


def _model(run: RunDocument) -> str:
    return run.plan.model


def _profile(run: RunDocument) -> str:
    return run.plan.profile or "none"


def _locustfile(run: RunDocument) -> str:
    return run.plan.locustfile


def _load(run: RunDocument) -> str:
    """Rates alone: a longer load of the same rates asks the same of a service."""
    plan = run.plan
    if plan.model == "closed":
        return f"{plan.users} users"
    rates = [
        f"{stage.start:g}" if stage.start == stage.end else f"{stage.start:g} to {stage.end:g}" for stage in plan.stages
    ]
    return f"{plan.process or 'arrivals'} at {', '.join(rates)}/s"


def _word(value: Fact) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "unknown" if value is None or value == "" else str(value)
