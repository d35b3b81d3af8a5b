"""Two sides, as they were asked for, become two live services for the length of a block."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tailgate_loadtest.run.receiver import TraceReceiver
from tailgate_loadtest.shapes.sides import SIDES, Side
from tailgate_otel import names
from tailgate_service.migrations.files import LEVELS
from tailgate_service.seed.config import SeedConfig

from tailgate.console import say
from tailgate.errors import CommandError
from tailgate.settings import Service
from tailgate.sides.address import Address
from tailgate.sides.checkout import Checkout
from tailgate.sides.compose import composed
from tailgate.sides.live import Form, Live
from tailgate.sides.naming import named
from tailgate.sides.program import Program
from tailgate.sides.repository import Repository
from tailgate.sides.revised import Revised
from tailgate.sides.variant import Variant

CACHE = Path(".tailgate/sides")
WORKING_TREE = "."
COMMAND = "cmd:"
COMPOSE = "compose:"
OPTIONS: Mapping[Side, str] = {side: f"--{side}" for side in SIDES}
"""How sides are asked for, one by one."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """What sides are brought up with, both alike, but that each has a receiver of its traces of its own.

    ``options`` is how they were asked for, as errors name them.
    """

    service: Service
    receivers: Mapping[Side, TraceReceiver]
    options: Mapping[Side, str] = field(default_factory=lambda: OPTIONS)
    db_rtt: float = 0.0
    slo: Path | None = None
    seed: SeedConfig = field(default_factory=SeedConfig)


class Sides:
    """Both sides, live; made by :func:`open_sides`."""

    def __init__(self, forms: Mapping[Side, Form], options: Mapping[Side, str]) -> None:
        self._forms = forms
        self._options = options
        self._live: dict[Side, Live] = {}

    def __getitem__(self, side: Side) -> Live:
        return self._live[side]

    @property
    def renewable(self) -> bool:
        """Whether both can be brought up again with equal data."""
        return all(form.renewable for form in self._forms.values())

    def fresh(self, side: Side) -> Live:
        """End a side and bring it up again, with the data that it began with.

        Raises:
            CommandError: it cannot be, since it runs elsewhere; or it does not start.
            ServiceError: the reference API does not start.
        """
        form = self._forms[side]
        if not form.renewable:
            raise CommandError(
                f"{self._options[side]} {form.what} runs already: it cannot be begun again with equal data"
            )
        self._live[side].close()
        return self.start(side)

    def start(self, side: Side) -> Live:
        """Start a side that does not run."""
        form = self._forms[side]
        say(f"starting the {side}: {form.what}")
        self._live[side] = live = form.start()
        return live

    def close(self) -> None:
        """End what runs of both."""
        with ExitStack() as ending:
            for live in self._live.values():
                ending.callback(live.close)


@contextmanager
def open_sides(base: str | None, candidate: str | None, means: Means) -> Iterator[Sides]:
    """Bring both sides up, the base first, when both are built; they end with the block.

    A side is a variant of the reference API, an address, ``cmd:COMMAND``, ``compose:FILE``, ``.`` for the working
    directory's files as they stand, or a git revision. By default the candidate is ``.``, and the base what HEAD and
    the default branch have in common, or the branch that a pull request goes to where GitHub tells of one. Raises
    ``CommandError``, ``ServiceError``, or ``TargetUnreachableError`` when nothing answers at an address; ``OSError``
    when .tailgate cannot be written.
    """
    forms = {Side.BASE: _form(base, Side.BASE, means), Side.CANDIDATE: _form(candidate, Side.CANDIDATE, means)}
    if means.db_rtt and not all(isinstance(form, Variant) for form in forms.values()):
        raise CommandError("--db-rtt is put before the reference API's own database: give variants of it on both sides")
    if base is None:
        _refuse_the_same(forms)
    with ExitStack() as running:
        # What runs elsewhere is looked for before anything is built.
        for form in sorted(forms.values(), key=lambda form: form.renewable):
            form.prepare(running)
        sides = Sides(forms, means.options)
        running.callback(sides.close)
        for side in SIDES:
            sides.start(side)
        yield sides


def _form(what: str | None, side: Side, means: Means) -> Form:
    if what is not None and what.startswith(("http://", "https://")):
        return Address(what=what, side=side, option=means.options[side], service=means.service)
    if what in LEVELS:
        return Variant(
            what=what,
            db_rtt=means.db_rtt,
            slo=means.slo,
            receiver=means.receivers[side],
            seed=means.seed,
            log=_log(side),
        )
    program = Program(
        what=what or WORKING_TREE,
        side=side,
        option=means.options[side],
        service=means.service,
        directory=Path.cwd(),
        log=_log(side),
        traced=means.receivers[side].environment,
    )
    if what is not None and what.startswith(COMMAND):
        command = what.removeprefix(COMMAND)
        what = COMMAND + named(command, program.directory)
        return replace(program, what=what, service=replace(means.service, start=command, compose=None))
    if what is not None and what.startswith(COMPOSE):
        return composed(
            replace(program, service=replace(means.service, start=None, compose=what.removeprefix(COMPOSE)))
        )
    return _revised(what, program)


def _revised(what: str | None, program: Program) -> Revised:
    repository = Repository(program.directory, program.option)
    if what is None and program.side is Side.BASE:
        revision, branch = repository.merge_base(os.environ.get(names.ENV_GITHUB_BASE_REF))
        what = f"merge base with {branch}"
    elif what is None or what == WORKING_TREE:
        revision, what = repository.working_tree(), "working tree"
    else:
        revision = repository.revision(what)
    return Revised(
        replace(program, what=what, revision=revision.name),
        Checkout(repository, revision.commit, program.log.parent, program.option),
    )


def _refuse_the_same(forms: Mapping[Side, Form]) -> None:
    base, candidate = forms[Side.BASE], forms[Side.CANDIDATE]
    if isinstance(base, Revised) and isinstance(candidate, Revised) and base.commit == candidate.commit:
        raise CommandError(
            f"--base: the {candidate.what} is the {base.what} itself: nothing has changed; --base HEAD~1 compares with"
            " the commit before"
        )


def _log(side: Side) -> Path:
    """Empty, in the cache."""
    cache = Path.cwd() / CACHE
    cache.mkdir(parents=True, exist_ok=True)
    ignored = cache / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8")
    log = cache / f"{side}.log"
    log.write_bytes(b"")
    return log
