"""A git revision of the user's project as a side: checked out and built once, and from then on a program."""

from contextlib import ExitStack
from dataclasses import replace

from tailgate import settings
from tailgate.errors import CommandError
from tailgate.sides.checkout import Checkout
from tailgate.sides.compose import composed
from tailgate.sides.live import Form, Live
from tailgate.sides.program import Program
from tailgate.sides.surroundings import check_service


class Revised:
    """What ``program`` is in the user's own directory, in a checkout.

    It is brought up as the revision's own tailgate.yaml says; where that says nothing, as the user's.
    """

    renewable = True

    def __init__(self, program: Program, checkout: Checkout) -> None:
        self.what = program.what
        self.commit = checkout.commit
        self._program = program
        self._checkout = checkout
        self._form: Form = program

    def prepare(self, held: ExitStack) -> None:
        """Check it out and build it, unless that was done before."""
        built = self._checkout.take(held, lambda: self._there().service.build, lambda: self._there().build())
        there = self._there()
        # What of a build is docker's is docker's to keep.
        self._form = composed(
            replace(
                there,
                service=replace(there.service, build=None),
                facts={**there.facts, "build": "made" if built else "cached"},
            )
        )
        self._form.prepare(held)

    def start(self) -> Live:
        """Start it, where it was built."""
        return self._form.start()

    def _there(self) -> Program:
        own = settings.load(self._checkout.directory / settings.FILE).service
        service = own if own.starts else self._program.service
        if not service.starts:
            raise CommandError(
                f"{self._program.option} {self.what}: {settings.FILE} does not say how a revision is started: add"
                " `service:` with `start:`, a command that listens at $TAILGATE_PORT, or `compose:`, a file"
            )
        check_service(service)
        return replace(self._program, service=service, directory=self._checkout.directory)
