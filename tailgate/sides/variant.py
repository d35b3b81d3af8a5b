"""A variant of the reference API as a side: a clone of the template, and the service on it."""

import os
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailgate_loadtest.run.environment import Fact
from tailgate_loadtest.run.receiver import TraceReceiver
from tailgate_service import template
from tailgate_service.seed.config import SeedConfig
from tailgate_service.stack import StackConfig, passed_on, start

from tailgate.sides.kept import how
from tailgate.sides.live import Live


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The reference API; the same ``seed`` is the same data, in whatever variant."""

    what: str
    db_rtt: float
    slo: Path | None
    receiver: TraceReceiver
    seed: SeedConfig
    log: Path

    renewable = True

    def prepare(self, _: ExitStack) -> None:
        """Make the template when there is none."""
        if not (template.default_cache() / template.key(self.what, self.seed)).exists():
            template.clone(self.what, self.seed).cluster.close()

    def start(self) -> Live:
        """Start it on a clone of its own."""
        secret = secrets.token_urlsafe(24)
        stack = start(
            StackConfig(
                variant=self.what,
                db_rtt=self.db_rtt,
                slo=self.slo,
                otlp_endpoint=self.receiver.endpoint,
                run_secret=secret,
                around=passed_on(os.environ | self.receiver.environment),
                seed=self.seed,
                log=self.log,
            )
        )
        return Live(
            what=self.what,
            url=stack.url,
            metrics_url=stack.metrics_url,
            targets=stack.targets,
            run_secret=secret,
            facts=_flat(stack.facts),
            log=self.log,
            ended=lambda: _told(stack.ended()),
            close=stack.close,
        )


def _told(ended: tuple[str, int | None] | None) -> str | None:
    if ended is None:
        return None
    name, code = ended
    return name if code is None else f"{name}, {how(code)}"


def _flat(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Fact]:
    flat: dict[str, Fact] = {}
    for key, value in facts.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
