"""A load profile: stages of arrival rates over a mix of personas, read from YAML.

apiVersion: tailgate/v1
kind: Profile
name: load
description: an ordinary busy hour
arrivals: poisson          # or constant
warmup: 10s                # at the first stage's rate, never judged
stages:
  - {duration: 1m, rate: 50}
  - {duration: 30s, from: 50, to: 200}
mix: {Caller: 3, Inbox: 1} # by class name; without it, each class's own weight
users: 500                 # the most users at once; arrivals past it wait
browsers:                  # real ones, which visit pages while the load is on; shapes/browsers.py
  - {visit: dashboard, count: 1, device: phone, network: 4g, cpu: 4, every: 10s}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from reprlib import repr as short
from typing import Any, Literal

from tailgate_loadtest.data import profiles_directory
from tailgate_loadtest.errors import ProfileError
from tailgate_loadtest.shapes import keys
from tailgate_loadtest.shapes.browsers import Browser, read_browsers
from tailgate_loadtest.shapes.plain import read

Process = Literal["poisson", "constant"]

MAX_FILE_BYTES = 64 * 1024
MAX_RATE = 1_000_000.0
MAX_USERS = 100_000

_KEYS = (
    *("apiVersion", "kind", "name", "description", "arrivals", "warmup", "stages", "mix", "users", "steps"),
    "browsers",
)
_STAGE_KEYS = ("duration", "rate", "from", "to")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stretch of time in which the arrival rate goes in a straight line from ``start`` to ``end``."""

    duration: float
    """Seconds."""
    start: float
    """Arrivals per second at its beginning."""
    end: float
    """Arrivals per second at its end."""

    @property
    def arrivals(self) -> float:
        """How many arrivals the stage means on average."""
        return self.duration * (self.start + self.end) / 2


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What load to put on, and in what mix."""

    name: str
    stages: tuple[Stage, ...]
    description: str = ""
    process: Process = "poisson"
    warmup: float = 0.0
    """Seconds before the first stage, at that stage's first rate; never judged."""
    mix: Mapping[str, float] = field(default_factory=dict)
    """Persona class name -> weight; empty means the weights of the classes themselves."""
    users: int = 500
    steps: bool = False
    """Each stage is a step of a search for the highest rate held, and is judged by itself."""
    browsers: tuple[Browser, ...] = ()
    """Those that visit pages while the load is on."""

    @property
    def duration(self) -> float:
        """Seconds that are judged: all stages, without the warm-up."""
        return sum(stage.duration for stage in self.stages)

    @property
    def arrivals(self) -> float:
        """How many judged arrivals the profile means on average."""
        return sum(stage.arrivals for stage in self.stages)

    @property
    def peak(self) -> float:
        """The highest arrival rate, per second."""
        return max(max(stage.start, stage.end) for stage in self.stages)

    def lasting(self, seconds: float) -> "Profile":
        """The same for so many judged seconds: its stages cut short, or over again, and no browsers.

        Raises:
            ProfileError: it is a search for the highest rate, whose steps stand for themselves.
        """
        if self.steps:
            raise ProfileError(f"profile {self.name!r}: steps: a search for the highest rate compares nothing")
        stages: list[Stage] = []
        for stage in cycle(self.stages):
            left = seconds - sum(each.duration for each in stages)
            if left <= 0:
                break
            share = min(left / stage.duration, 1.0)
            end = stage.start + share * (stage.end - stage.start)
            stages.append(Stage(duration=share * stage.duration, start=stage.start, end=end))
        return replace(self, stages=tuple(stages), browsers=())


def find(name: str, directory: Path | None = None) -> Profile:
    """The profile of that name, or in that file when the name looks like a path.

    Raises:
        ProfileError: there is none (the nearest name is given), or it is wrong.
    """
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return load(Path(name))
    directory = directory or profiles_directory()
    path = directory / f"{name}.yaml"
    if not path.is_file():
        known = sorted(entry.stem for entry in directory.glob("*.yaml"))
        raise ProfileError(
            f"no profile is called {name!r}{keys.nearest(name, known)}; there are {', '.join(known)},"
            " or give a .yaml file"
        )
    return load(path)


def load(path: Path) -> Profile:
    """Read one profile file.

    Raises:
        ProfileError: the file cannot be read, or a key in it is wrong.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    if len(text) > MAX_FILE_BYTES:
        raise ProfileError(f"{path}: is larger than {MAX_FILE_BYTES} bytes; a profile is a page of YAML")
    try:
        document = read(text)
    except ValueError as error:
        raise ProfileError(f"{path}: {error}") from error
    return parse(document, str(path))


def parse(document: Any, where: str) -> Profile:
    """Make a profile of a YAML document; ``where`` names its place in errors, and visits' scripts stand beside it.

    Raises:
        ProfileError: naming the place, the key, the value, and what would be right.
    """
    top = keys.mapping(document, where, "the document")
    keys.known(top, where, _KEYS)
    for key, right in (("apiVersion", "tailgate/v1"), ("kind", "Profile")):
        if top.get(key, right) != right:
            raise ProfileError(f"{where}: {key}: {short(top[key])} must be {right}")
    raw_stages = top.get("stages")
    if not isinstance(raw_stages, list) or not raw_stages:
        raise ProfileError(
            f"{where}: stages: {short(raw_stages)} must be a list of stages like {{duration: 30s, rate: 50}}"
        )
    process = top.get("arrivals", "poisson")
    if process not in ("poisson", "constant"):
        raise ProfileError(f"{where}: arrivals: {short(process)} must be poisson or constant")
    steps = top.get("steps", False)
    if not isinstance(steps, bool):
        raise ProfileError(f"{where}: steps: {short(steps)} must be true or false")
    profile = Profile(
        name=keys.text(top.get("name", Path(where).stem), f"{where}: name"),
        description=keys.text(top.get("description", ""), f"{where}: description"),
        process=process,
        warmup=keys.duration(top.get("warmup", "0s"), f"{where}: warmup"),
        stages=tuple(_stage(raw, f"{where}: stages[{i}]") for i, raw in enumerate(raw_stages)),
        mix=_mix(top.get("mix", {}), f"{where}: mix"),
        users=keys.whole(top.get("users", 500), f"{where}: users", 1, MAX_USERS),
        steps=steps,
        browsers=read_browsers(top.get("browsers", []), f"{where}: browsers", Path(where).parent),
    )
    if profile.arrivals <= 0:
        raise ProfileError(f"{where}: stages: no stage has an arrival; give at least one a rate above 0")
    if profile.warmup + profile.duration > keys.MAX_SECONDS:
        raise ProfileError(f"{where}: stages: last longer than a week together")
    return profile


def _stage(raw: Any, where: str) -> Stage:
    stage = keys.mapping(raw, where, "a stage")
    keys.known(stage, where, _STAGE_KEYS)
    duration = keys.duration(stage.get("duration"), f"{where}.duration")
    if duration <= 0:
        raise ProfileError(f"{where}.duration: {short(stage['duration'])} must be longer than 0s")
    if "rate" in stage:
        if "from" in stage or "to" in stage:
            raise ProfileError(f"{where}: give either rate, or from and to")
        rate = keys.number(stage["rate"], f"{where}.rate", 0, MAX_RATE)
        return Stage(duration=duration, start=rate, end=rate)
    if "from" not in stage or "to" not in stage:
        raise ProfileError(f"{where}: needs rate (arrivals per second), or from and to")
    return Stage(
        duration=duration,
        start=keys.number(stage["from"], f"{where}.from", 0, MAX_RATE),
        end=keys.number(stage["to"], f"{where}.to", 0, MAX_RATE),
    )


def _mix(raw: Any, where: str) -> dict[str, float]:
    mix = {
        keys.text(name, where): keys.number(weight, f"{where}.{short(name)}", 0, 1e9)
        for name, weight in keys.mapping(raw, where, "the mix").items()
    }
    if mix and sum(mix.values()) <= 0:
        raise ProfileError(f"{where}: every weight is 0; give at least one persona a weight above 0")
    return mix
