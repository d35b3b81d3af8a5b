"""An API that runs already, as a side: nothing is started, and nothing ended."""

import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from tailgate_loadtest.run.conduct import check_reachable
from tailgate_loadtest.shapes.sides import Side
from tailgate_otel import names

from tailgate.errors import CommandError
from tailgate.settings import Service
from tailgate.sides.live import Live
from tailgate.sides.places import check, is_address, places


@dataclass(frozen=True, kw_only=True)
class Address:
    """An API at an address, asked for by ``option``; of ``service`` its metrics and its targets are of use here."""

    what: str
    side: Side
    option: str
    service: Service

    renewable = False

    def __post_init__(self) -> None:
        usable = is_address(self.what)
        parts = urlsplit(self.what if usable else "")
        if not usable or parts.username or parts.password or parts.query or parts.fragment:
            raise CommandError(
                f"{self.option}: what begins with http:// or https:// is an address, and one like"
                " http://127.0.0.1:8000, without a user name, a password, a query or a fragment"
            )

    def prepare(self, _: ExitStack) -> None:
        """See that it answers. Raises ``TargetUnreachableError``."""
        check({"metrics": self.service.metrics, "targets": self.service.targets}, (names.ENV_SIDE,))
        check_reachable(self.what, f"start the service, or correct {self.option}")

    def start(self) -> Live:
        """It runs."""
        where = places(replace(self.service, ready=None), self.what, {names.ENV_SIDE: self.side.value})
        return Live(
            what=self.what,
            url=self.what,
            metrics_url=where.metrics,
            targets=where.targets,
            run_secret=os.environ.get(names.ENV_RUN_SECRET),
            ended=lambda: None,
            close=lambda: None,
        )
