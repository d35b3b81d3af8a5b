"""What the engine process is told, and how that crosses to it: one line of JSON on its standard input."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tailgate_loadtest.shapes.profile import Profile, Stage


@dataclass(frozen=True, kw_only=True)
class Swarm:
    """A closed load as Locust knows it: users that start one another's next task when the last has ended."""

    users: int
    spawn_rate: float
    """Users started per second."""
    run_time: float | None
    """Seconds; None runs until the locustfile's own shape ends."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """One load to put on."""

    locustfile: str
    host: str
    load: Profile | Swarm
    seed: int
    drain: float
    """Seconds that requests in flight are waited for after the last arrival."""
    log: str
    """Where the latency log is written."""
    result: str
    """Where the engine's account of the load is written."""
    targets: str | None = None
    run_secret: str | None = None
    rehearse: bool = False
    """Send nothing; only find out which routes each persona requests."""
    classes: tuple[str, ...] = ()
    """Only these user classes; empty means all of the locustfile."""
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps({**asdict(self), "open": isinstance(self.load, Profile)})

    @classmethod
    def from_json(cls, text: str) -> "Orders":
        """The orders that ``to_json`` wrote."""
        raw: dict[str, Any] = json.loads(text)
        load = _profile(raw["load"]) if raw.pop("open") else Swarm(**raw["load"])
        listed = {key: tuple(raw.pop(key)) for key in ("classes", "tags", "exclude_tags")}
        return cls(**{**raw, **listed, "load": load})


def _profile(raw: Mapping[str, Any]) -> Profile:
    return Profile(**{**raw, "stages": tuple(Stage(**stage) for stage in raw["stages"])})
