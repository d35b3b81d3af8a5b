"""Two sides, as they were asked for, become two live services for the length of a block."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tailgate_loadtest.shapes.sides import SIDES, Side
from tailgate_service.migrations.files import LEVELS
from tailgate_service.seed.config import SeedConfig

from tailgate.console import say
from tailgate.errors import CommandError
from tailgate.settings import Service
from tailgate.sides.address import Address
from tailgate.sides.live import Form, Live
from tailgate.sides.variant import Variant


class Sides:
    """Both sides, live; made by :func:`open_sides`."""

    def __init__(self, forms: Mapping[Side, Form]) -> None:
        self._forms = forms
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
            raise CommandError(f"--{side} {form.what} runs already: it cannot be begun again with equal data")
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
def open_sides(
    base: str,
    candidate: str,
    *,
    service: Service,
    db_rtt: float = 0.0,
    slo: Path | None = None,
    otlp: Mapping[Side, str],
    seed: SeedConfig | None = None,
) -> Iterator[Sides]:
    """Bring both sides up, the base first, each with the same means; ends them with the block.

    A side is a variant of the reference API or an address. ``otlp`` has where each side's traces are received. Raises
    ``CommandError`` or ``ServiceError``.
    """

    def form(what: str, side: Side) -> Form:
        if what.startswith(("http://", "https://")):
            return Address(what=what, side=side, service=service)
        if what in LEVELS:
            return Variant(what=what, db_rtt=db_rtt, slo=slo, otlp_endpoint=otlp.get(side), seed=seed or SeedConfig())
        raise CommandError(f"--{side} {what}: is neither a variant ({', '.join(LEVELS)}) nor an address")

    sides = Sides({Side.BASE: form(base, Side.BASE), Side.CANDIDATE: form(candidate, Side.CANDIDATE)})
    forms = sides._forms
    if db_rtt and not all(isinstance(each, Variant) for each in forms.values()):
        raise CommandError("--db-rtt is put before the reference API's own database: give variants of it on both sides")
    for each in forms.values():
        each.prepare()
    with ExitStack() as running:
        running.callback(sides.close)
        for side in SIDES:
            sides.start(side)
        yield sides
