"""A side that runs, and what each way to say a side must be able to do."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tailgate_loadtest.run.environment import Fact


@dataclass(frozen=True, kw_only=True)
class Live:
    """A side that takes requests at ``url``.

    ``what`` is what was asked for, without anything that could be a secret; ``revision`` the commit, where it is one.
    ``targets`` is its targets file, ``run_secret`` what makes it tell of a request. ``ended`` says how what was
    started for it has ended, if it has: ``exit code 3``; ``close`` ends it, and does nothing when called again. ``log``
    has what it writes, where that is known. ``directory`` is what the working directory is for it, its objectives among
    the files there; None where nothing is known of its files.
    """

    what: str
    url: str
    metrics_url: str | None = None
    targets: Path | None = None
    run_secret: str | None = field(default=None, repr=False)
    revision: str | None = None
    directory: Path | None = None
    log: Path | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    ended: Callable[[], str | None]
    close: Callable[[], None]


class Form(Protocol):
    """A side as it was asked for."""

    @property
    def what(self) -> str:
        """That, without anything that could be a secret."""

    @property
    def renewable(self) -> bool:
        """Whether each start begins with equal data."""

    def prepare(self, held: ExitStack) -> None:
        """Do all that can be done before anything runs; what is needed for it to last is let go with ``held``.

        Raises ``CommandError`` or ``ServiceError``.
        """

    def start(self) -> Live:
        """Start it, return when it takes requests, and leave nothing when it raises, which is as above."""
