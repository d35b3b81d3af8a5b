"""What a serial probe found: request for request, how it was answered; on disk a line of JSON each.

The requests of an iteration stand in the order in which they were sent. Twice over: ``cold`` are the first requests,
``warm`` the same iterations again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tailgate_loadtest.errors import BundleError

Phase = Literal["cold", "warm"]
PHASES: tuple[Phase, ...] = ("cold", "warm")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One request; what its client or the service does not tell is None."""

    phase: Phase
    iteration: int
    persona: str
    route: str
    status: int | None
    """Of HTTP; None where there was no answer, or it is no HTTP."""
    error: str | None = None
    """The kind of its failure."""
    wire: int | None = None
    """Bytes of the body as they came, compressed or not."""
    body: int | None = None
    """Bytes of the body itself."""
    encoding: str | None = None
    """How it came compressed."""
    queries: int | None = None
    round_trips: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenOff:
    """An iteration that was not carried to its end."""

    phase: Phase
    iteration: int
    persona: str
    broken_off: str
    """By what: the kind of an exception that the locustfile raised."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """How the probe ended."""

    iterations: int
    """Of each phase."""
    cut_short: str | None
    """Why it did not come to its end, if so."""
    curtailed: str | None = None
    """What became of the requests that were asked for, where fewer had to do."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One side's."""

    answers: tuple[Answered, ...]
    broken: tuple[BrokenOff, ...]
    account: Account

    def requests(self, phase: Phase) -> dict[int, list[Answered]]:
        """Of each iteration of a phase, what it asked."""
        found: dict[int, list[Answered]] = {}
        for answer in self.answers:
            if answer.phase == phase:
                found.setdefault(answer.iteration, []).append(answer)
        return found


def line(entry: Answered | BrokenOff | Account) -> str:
    """One line of the file."""
    return json.dumps(asdict(entry)) + "\n"


def parse(lines: Iterable[str], where: str) -> Probe:
    """What was written line by line; ``where`` names it.

    Raises:
        BundleError: a line is no such line, or the account, which is the last one, is missing.
    """
    found: dict[type, list[Any]] = {Answered: [], BrokenOff: [], Account: []}
    for number, entry in _entries(lines, where):
        if found[Account]:
            raise BundleError(f"{where}: line {number} comes after the end")
        found[type(entry)].append(entry)
    if not found[Account]:
        raise BundleError(f"{where}: breaks off before its end; make the comparison again")
    return Probe(answers=tuple(found[Answered]), broken=tuple(found[BrokenOff]), account=found[Account][0])


def _entries(lines: Iterable[str], where: str) -> Iterator[tuple[int, Answered | BrokenOff | Account]]:
    for number, text in enumerate(lines, 1):
        try:
            yield number, _entry(json.loads(text))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise BundleError(f"{where}: line {number} is no line of a probe: {type(error).__name__}") from error


def _entry(plain: Mapping[str, Any]) -> Answered | BrokenOff | Account:
    entry: Answered | BrokenOff | Account
    if "iterations" in plain:
        entry = Account(**plain)
        _check(_whole(entry.iterations) and _text(entry.cut_short) and _text(entry.curtailed))
        return entry
    _check(plain["phase"] in PHASES and _whole(plain["iteration"]) and isinstance(plain["persona"], str))
    if "broken_off" in plain:
        entry = BrokenOff(**plain)
        _check(isinstance(entry.broken_off, str))
        return entry
    entry = Answered(**plain)
    numbers = (entry.status, entry.wire, entry.body, entry.queries, entry.round_trips)
    _check(all(number is None or _whole(number) for number in numbers))
    _check(isinstance(entry.route, str) and _text(entry.error) and _text(entry.encoding))
    return entry


def _check(right: bool) -> None:
    if not right:
        raise ValueError("a value of another kind")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text(value: object) -> bool:
    return value is None or isinstance(value, str)
