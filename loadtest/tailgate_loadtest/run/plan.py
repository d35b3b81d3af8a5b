"""Everything that one run is to do, decided before it begins."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from tailgate_slo import Objectives

from tailgate_loadtest.errors import PlanError
from tailgate_loadtest.run import certificates
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import PlanRecord, StageRecord, TlsRecord
from tailgate_loadtest.run.page import Page
from tailgate_loadtest.shapes.orders import Crew, Orders, Swarm, Tls
from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.shapes.tolerance import Tolerance

_LEAST_DRAIN = 5.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run."""

    host: str
    """The base address, such as http://127.0.0.1:8000."""
    locustfile: Path
    load: Profile | Swarm
    out: Path
    """Where bundles are written."""
    seed: int = 1
    objectives: Objectives | None = None
    metrics_url: str | None = field(default=None, repr=False)
    """Of the service's metrics page; it may hold credentials."""
    targets: Path | None = None
    run_secret: str | None = field(default=None, repr=False)
    classes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    openapi: tuple[str, ...] = ()
    """The routes of an OpenAPI file."""
    tls: Tls = field(default_factory=Tls)
    tolerance: Tolerance = field(default_factory=Tolerance)
    crew: Crew | None = None
    """More processes than the engine itself, to put the load on together."""
    crew_key: str | None = field(default=None, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    """The run's own tags."""
    facts: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    """What is known of the service: its variant, its database, an emulated round trip."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.host)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or parts.query or parts.fragment:
            raise PlanError(f"--host {self.host!r} is no address; give one like http://127.0.0.1:8000")
        if parts.username or parts.password:
            raise PlanError(
                "--host holds a user name or password, and it would enter the bundle; send them by the locustfile"
            )
        if self.metrics_url is not None:
            Page(self.metrics_url)
        certificates.check(self.tls)

    @property
    def drain(self) -> float:
        """Seconds that requests in flight are waited for: 5, or twice the largest latency threshold if that is more."""
        thresholds = self.objectives.thresholds().values() if self.objectives else ()
        return max([_LEAST_DRAIN, *(2 * float(t) for route in thresholds for t in route)])

    @property
    def length(self) -> float | None:
        """Planned seconds of load, warm-up included, without the drain; None when only the locustfile knows."""
        return self.load.warmup + self.load.duration if isinstance(self.load, Profile) else self.load.run_time

    @property
    def routes(self) -> tuple[str, ...]:
        """The templates by which requests without a name are called; an objective's own spelling goes before."""
        return (*(self.objectives.routes() if self.objectives else ()), *self.openapi)

    @property
    def gate_profile(self) -> str:
        """The profile name by which the objectives' gate is chosen."""
        return self.load.name if isinstance(self.load, Profile) else "closed"

    def orders(self, bundle: Bundle) -> Orders:
        """What the engine is told: to write into that bundle."""
        return Orders(
            locustfile=str(self.locustfile.resolve()),
            host=self.host.rstrip("/"),
            # What browsers there are is none of its business.
            load=replace(self.load, browsers=()) if isinstance(self.load, Profile) else self.load,
            seed=self.seed,
            drain=self.drain,
            log=str(bundle.log.resolve()),
            result=str(bundle.account.resolve()),
            targets=str(self.targets) if self.targets else None,
            run_secret=self.run_secret,
            classes=self.classes,
            tags=self.tags,
            exclude_tags=self.exclude_tags,
            routes=self.routes,
            tls=self.tls.resolved(),
            tolerance=self.tolerance,
            crew=self.crew,
            key=self.crew_key,
        )

    def record(self) -> PlanRecord:
        """The plan as run.json keeps it."""
        profile = self.load if isinstance(self.load, Profile) else None
        return PlanRecord(
            profile=profile.name if profile else None,
            description=profile.description if profile else "",
            model="open" if profile else "closed",
            process=profile.process if profile else None,
            stages=tuple(StageRecord(duration=s.duration, start=s.start, end=s.end) for s in profile.stages)
            if profile
            else (),
            steps=profile.steps if profile else False,
            warmup=profile.warmup if profile else 0.0,
            seed=self.seed,
            drain=self.drain,
            users=self.load.users,
            host=self.host,
            locustfile=self.locustfile.name,
            slo=Path(self.objectives.file).name if self.objectives else None,
            slo_digest=self.objectives.digest if self.objectives else None,
            tolerance=self.tolerance.moved,
            tls=TlsRecord(
                **{name: file and Path(file).name for name, file in self.tls.files.items()}, insecure=self.tls.insecure
            ),
        )
