"""A service of the user's own as a side, in any language: built, given its data, started, waited for, and ended."""

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tailgate_loadtest.run.environment import Fact
from tailgate_loadtest.shapes.sides import Side
from tailgate_otel import names

from tailgate.console import say
from tailgate.errors import CommandError
from tailgate.settings import Service
from tailgate.sides import ready, surroundings
from tailgate.sides.kept import Kept, how, last_lines
from tailgate.sides.live import Live
from tailgate.sides.places import filled, places

BUILT_WITHIN = 3600.0
"""Seconds for a build, and for a seed; whoever wants to wait for less stops us."""
_POLL = 0.05


@dataclass(frozen=True, kw_only=True)
class Program:
    """Commands in a directory, as ``service`` has them, asked for by ``option``; their output goes to ``log``.

    ``environ`` is what they are told besides the service's own variables, ``traced`` what has traces sent to us.
    """

    what: str
    side: Side
    option: str
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
        surroundings.check_service(self.service)
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
        commands = [command for command in (service.seed, service.start) if command is not None]
        with _scratch(self.side) as directory, ExitStack() as running:
            own = surroundings.own(self.side, directory, secret)
            environ = {
                **surroundings.inherited(),
                **surroundings.instrumented(own[names.ENV_RUN_METRICS_PORT]),
                **self.traced,
                **self.environ,
                **{name: filled(value, own) for name, value in service.env.items()},
                **own,
            }
            url = f"http://{surroundings.LOOPBACK}:{own[names.ENV_PORT]}"
            where = places(service, url, own)
            kept = running.enter_context(
                Kept(
                    commands,
                    environ=environ,
                    directory=self.directory,
                    log=self.log,
                    stop=service.stop,
                    remove=directory,
                )
            )
            if service.seed is not None:
                self._complete(kept, 0, "seed")
            self._await(kept, len(commands) - 1, url, where.ready)
            running.pop_all()
        return Live(
            what=self.what,
            url=url,
            metrics_url=where.metrics,
            targets=where.targets and self.directory / where.targets,
            run_secret=secret,
            revision=self.revision,
            directory=self.directory,
            facts=self.facts,
            log=self.log,
            ended=lambda: self._ended(kept, len(commands) - 1),
            close=kept.close,
        )

    def _complete(self, kept: Kept, number: int, key: str) -> None:
        code = kept.code(number, BUILT_WITHIN)
        if code is None:
            raise self._failed(f"its {key} goes on after {BUILT_WITHIN:g} s")
        if code != 0:
            raise self._failed(f"its {key} ended with {how(code)}")

    def _await(self, kept: Kept, number: int, url: str, asked: str | None) -> None:
        end = time.monotonic() + self.service.timeout
        while why := ready.failed(asked or url, whatever=asked is None):
            code = kept.code(number, _POLL)
            if code is not None and self._over(code):
                raise self._failed(
                    f"its start ended with {how(code)}"
                    + ("; let it stay in the foreground, or say by `stop` how to end it" if code == 0 else "")
                )
            if time.monotonic() > end:
                raise self._failed(
                    f"it is not ready after {self.service.timeout:g} s: {why}; it must listen at the port that"
                    f" {names.ENV_PORT} names, {url.rpartition(':')[2]}, and `timeout` may give it longer"
                )

    def _ended(self, kept: Kept, number: int) -> str | None:
        if kept.ended:
            return "ended from outside"
        code = kept.code(number)
        return how(code) if code is not None and self._over(code) else None

    def _over(self, code: int) -> bool:
        """Whether a start that ended so has nothing running any more; one that has a ``stop`` may go on unseen."""
        return code != 0 or self.service.stop is None

    def _failed(self, why: str) -> CommandError:
        return CommandError(f"{self.option} {self.what}: {why}; {last_lines(self.log)}")


@contextmanager
def _scratch(side: Side) -> Iterator[Path]:
    """A directory that goes when the block fails, and is another's to remove when not."""
    # Not below the checkout: a socket's path has room for about a hundred characters.
    directory = Path(tempfile.mkdtemp(prefix=f"tailgate-{side}-"))
    try:
        yield directory
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
