"""A service of the user's own as a side, in any language: built, given its data, started, waited for, and ended."""

import secrets
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tailgate_loadtest.run.environment import Fact
from tailgate_loadtest.shapes.sides import Side
from tailgate_otel import names

from tailgate.console import say
from tailgate.errors import CommandError
from tailgate.settings import Service
from tailgate.sides import ready, surroundings
from tailgate.sides.kept import Kept, last_lines
from tailgate.sides.live import Live
from tailgate.sides.texts import at, filled

BUILT_WITHIN = 3600.0
"""Seconds for a build, and for a seed; whoever wants to wait for less stops us."""
_POLL = 0.05


@dataclass(frozen=True, kw_only=True)
class Program:
    """Commands in a directory, as ``service`` has them; their output goes to ``log``.

    ``environ`` is what they are told besides the service's own variables, ``traced`` what has traces sent to us.
    """

    what: str
    side: Side
    service: Service
    directory: Path
    log: Path
    traced: Mapping[str, str]
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    revision: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)

    renewable = True

    def prepare(self, held: ExitStack) -> None:
        """Build it, where it is."""
        surroundings.refuse_ours(self.service.env)
        if self.service.build is not None:
            self.build()

    def build(self) -> None:
        """Run its build. Raises ``CommandError``."""
        say(f"building the {self.side}: {self.what}")
        environ = surroundings.inherited() | dict(self.environ)
        with Kept([self.service.build or ":"], environ=environ, directory=self.directory, log=self.log) as kept:
            self._complete(kept, 0, "build")

    def start(self) -> Live:
        """Seed it, start it, and return when it takes requests. Raises ``CommandError``."""
        service, secret = self.service, secrets.token_urlsafe(24)
        # Not below the checkout: a socket's path has room for about a hundred characters.
        directory = Path(tempfile.mkdtemp(prefix=f"tailgate-{self.side}-"))
        own = surroundings.own(self.side, directory, secret)
        url = f"http://{surroundings.LOOPBACK}:{own[names.ENV_PORT]}"
        told = {name: filled(value, own) or "" for name, value in service.env.items()}
        environ = {**surroundings.inherited(), **self.environ, **self.traced, **told, **own}
        targets = filled(service.targets, own)
        with ExitStack() as running:
            kept = running.enter_context(
                Kept(
                    [command for command in (service.seed, service.start) if command is not None],
                    environ=environ,
                    directory=self.directory,
                    log=self.log,
                    stop=service.stop,
                    remove=directory,
                )
            )
            number = 0
            if service.seed is not None:
                self._complete(kept, 0, "seed")
                number = 1
            self._await(kept, number, at(url, filled(service.ready, own)), url)
            running.pop_all()
        return Live(
            what=self.what,
            url=url,
            metrics_url=at(url, filled(service.metrics, own)),
            targets=self.directory / targets if targets else None,
            run_secret=secret,
            revision=self.revision,
            facts=self.facts,
            alive=lambda: not self._over(kept.code(number)),
            close=kept.close,
        )

    def _complete(self, kept: Kept, number: int, key: str) -> None:
        code = kept.code(number, BUILT_WITHIN)
        if code is None:
            raise self._failed(f"its {key} goes on after {BUILT_WITHIN:g} s")
        if code != 0:
            raise self._failed(f"its {key} ended with {code}")

    def _await(self, kept: Kept, number: int, asked: str | None, url: str) -> None:
        end = time.monotonic() + self.service.timeout
        while why := ready.failed(asked or url, whatever=asked is None):
            if self._over(code := kept.code(number, _POLL)):
                raise self._failed(
                    f"its start ended with {code}"
                    + ("; let it stay in the foreground, or say by `stop` how to end it" if code == 0 else "")
                )
            if time.monotonic() > end:
                raise self._failed(
                    f"it is not ready after {self.service.timeout:g} s: {why}; it must listen at the port that"
                    f" {names.ENV_PORT} names, {url.rpartition(':')[2]}, and `timeout` may give it longer"
                )

    def _over(self, code: int | None) -> bool:
        """Whether a start that ended so has nothing running any more; one that has a ``stop`` may go on unseen."""
        return code is not None and (code != 0 or self.service.stop is None)

    def _failed(self, why: str) -> CommandError:
        return CommandError(f"--{self.side} {self.what}: {why}; {last_lines(self.log)}")
