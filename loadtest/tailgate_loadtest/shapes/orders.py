"""What the engine process is told, and how that crosses to it: one line of JSON on its standard input."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tailgate_otel.names import HEADER_RUN_SECRET

from tailgate_loadtest.shapes.browsers import Browser
from tailgate_loadtest.shapes.profile import Profile, Stage
from tailgate_loadtest.shapes.sides import Design
from tailgate_loadtest.shapes.tolerance import Tolerance


@dataclass(frozen=True, kw_only=True)
class Swarm:
    """A closed load as Locust knows it: users that start one another's next task when the last has ended."""

    users: int
    spawn_rate: float
    """Users started per second."""
    run_time: float | None
    """Seconds; None runs until the locustfile's own shape ends."""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """Several processes that put one load on together, led by the engine that has this order."""

    processes: int
    """Workers to start here."""
    expect: int
    """Workers to wait for, those included."""
    host: str
    """Where to listen for them."""
    port: int
    """0: any that is free."""
    patience: float
    """Seconds to wait for them."""


@dataclass(frozen=True, kw_only=True)
class Tls:
    """Whom to trust, and who we are, when a connection is secured."""

    cacert: str | None = None
    """The file of the authorities that are trusted, in place of the system's."""
    cert: str | None = None
    """The file of our own certificate."""
    key: str | None = None
    """The file of its key; without it the key is in the certificate's."""
    insecure: bool = False
    """Take any certificate."""

    @property
    def files(self) -> dict[str, str | None]:
        """The files by the names of their options."""
        return {"cacert": self.cacert, "cert": self.cert, "key": self.key}

    def resolved(self) -> "Tls":
        """The same, whatever the working directory."""
        cacert, cert, key = (file and str(Path(file).resolve()) for file in self.files.values())
        return replace(self, cacert=cacert, cert=cert, key=key)

    @property
    def given(self) -> str | None:
        """An option that was given, by its name, if any was."""
        asked = {**self.files, "insecure": self.insecure}
        return next((f"--{name}" for name, value in asked.items() if value), None)


@dataclass(frozen=True, kw_only=True)
class Rival:
    """The candidate, where the load is put on two sides: what is otherwise there, and who gets which arrivals."""

    host: str
    log: str
    result: str
    targets: str | None
    run_secret: str | None
    design: Design


@dataclass(frozen=True, kw_only=True)
class Probing:
    """Requests that are sent one after the other in place of a load, twice over.

    Of two sides the first goes by ``requests`` and ``seconds``, and the other by its ``iterations``: whenever both are
    asked the same, both were asked the same before.
    """

    requests: int = 200
    """How many; the last iteration is carried to its end."""
    seconds: float = 300.0
    """After so many, fewer requests will do, if each persona has had a turn."""
    iterations: int | None = None
    """So many, in place of that."""
    patience: float = 20.0
    """Seconds without an answer after which an iteration, or a user's start, is given up."""

    @property
    def most(self) -> float:
        """Seconds that all of it may take, once."""
        return 3 * self.seconds


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
    probe: Probing | None = None
    """Put no load on; send requests one after the other, and write of each how it was answered."""
    classes: tuple[str, ...] = ()
    """Only these user classes; empty means all of the locustfile."""
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    """Templates by which requests without a name are called; of two alike the first counts."""
    tls: Tls = Tls()
    tolerance: Tolerance = field(default_factory=Tolerance)
    crew: Crew | None = None
    """Lead workers; None: put the load on alone."""
    key: str | None = None
    """What leader and workers know each other by."""
    rival: Rival | None = None
    """Load this one, too; what else is said here is the base's, then."""

    def facing(self, rival: Rival) -> "Orders":
        """The same, with a candidate beside it."""
        return replace(self, rival=rival)

    def of(self, rival: Rival) -> "Orders":
        """The candidate's orders."""
        own = {name: value for name, value in vars(rival).items() if name != "design"}
        return replace(self, **own, rival=None)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {HEADER_RUN_SECRET: self.run_secret} if self.run_secret else {}

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps({**asdict(self), "open": isinstance(self.load, Profile)})

    @classmethod
    def from_json(cls, text: str) -> "Orders":
        """The orders that ``to_json`` wrote."""
        raw: dict[str, Any] = json.loads(text)
        listed = {key: tuple(raw.pop(key)) for key in ("classes", "tags", "exclude_tags", "routes")}
        probe, crew, rival = raw.pop("probe"), raw.pop("crew"), raw.pop("rival")
        load = load_of(raw.pop("load"), is_open=raw.pop("open"))
        return cls(
            **{**raw, **listed, "load": load, "tls": Tls(**raw["tls"]), "tolerance": Tolerance(**raw["tolerance"])},
            probe=Probing(**probe) if probe else None,
            crew=Crew(**crew) if crew else None,
            rival=Rival(**{**rival, "design": Design(**rival["design"])}) if rival else None,
        )

    def shared(self) -> dict[str, Any]:
        """What workers anywhere are told of the load: no secret, and no file."""
        names = ("host", "load", "seed", "drain", "classes", "tags", "exclude_tags", "routes")
        whole = asdict(self)
        return {**{name: whole[name] for name in names}, "open": isinstance(self.load, Profile)}


@dataclass(frozen=True, kw_only=True)
class Enlistment:
    """What a worker is told: who leads it, and what it finds here. The load is the leader's to say."""

    host: str
    """The leader's."""
    port: int
    locustfile: str
    key: str | None
    targets: str | None = None
    run_secret: str | None = None
    tls: Tls = Tls()
    patience: float = 60.0
    """Seconds in which the leader must answer."""

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps({**asdict(self), "worker": True})

    @classmethod
    def from_json(cls, text: str) -> "Enlistment":
        """The enlistment that ``to_json`` wrote."""
        raw = json.loads(text)
        del raw["worker"]
        return cls(**{**raw, "tls": Tls(**raw["tls"])})

    def orders(self, shared: Mapping[str, Any]) -> Orders:
        """The orders that a leader's ``shared`` comes to here."""
        return Orders(
            locustfile=self.locustfile,
            key=self.key,
            targets=self.targets,
            run_secret=self.run_secret,
            tls=self.tls,
            host=shared["host"],
            load=load_of(shared["load"], is_open=shared["open"]),
            seed=shared["seed"],
            drain=shared["drain"],
            classes=tuple(shared["classes"]),
            tags=tuple(shared["tags"]),
            exclude_tags=tuple(shared["exclude_tags"]),
            routes=tuple(shared["routes"]),
            log="",
            result="",
        )


def read(text: str) -> Orders | Enlistment:
    """What an engine is told, of either kind."""
    return Enlistment.from_json(text) if json.loads(text).get("worker") else Orders.from_json(text)


def load_of(plain: Mapping[str, Any], *, is_open: bool) -> Profile | Swarm:
    """The load that ``asdict`` wrote."""
    if not is_open:
        return Swarm(**plain)
    stages = tuple(Stage(**stage) for stage in plain["stages"])
    browsers = tuple(Browser(**browser) for browser in plain["browsers"])
    return Profile(**{**plain, "stages": stages, "browsers": browsers})
