"""run.json: what a run was to do, where, and what came of it, before anybody judges it. In seconds and bytes."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tailgate_loadtest.browser.account import Account

SCHEMA: Literal["tailgate/run/v1"] = "tailgate/run/v1"


class Model(BaseModel):
    """What all parts of the document share: nothing unknown is taken, nothing changes after it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Recorded(Model):
    """What the parts of run.json share besides: no number is NaN or infinite, for nobody has measured such."""

    model_config = ConfigDict(allow_inf_nan=False)


Seconds = Annotated[float, Field(ge=0)]


class StageRecord(Recorded):
    """One stage of the plan; rates in arrivals per second."""

    duration: float
    start: float
    end: float


class TlsRecord(Recorded):
    """How connections were to be secured: the names of the files, never what is in them."""

    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    insecure: bool = False
    """Any certificate was taken."""


class PlanRecord(Recorded):
    """What the run was to do."""

    profile: str | None
    """None under the closed model."""
    description: str = ""
    model: Literal["open", "closed"]
    process: str | None = None
    stages: tuple[StageRecord, ...] = ()
    steps: bool = False
    warmup: float
    seed: int
    drain: float
    users: int
    """The bound on users under the open model, their number under the closed."""
    host: str
    locustfile: str
    slo: str | None
    slo_digest: str | None
    tls: TlsRecord = TlsRecord()
    tolerance: dict[str, float] = {}
    """Limits of the generator's that the user moved: shares of 1."""


class Arrivals(Recorded):
    """What became of the arrivals, warm-up included; under the closed model a request is an arrival."""

    planned: int
    """Expected by the profile; a Poisson process has a few more or fewer."""
    arrived: int
    judged: int
    """Of those, due after the warm-up."""
    started: int
    completed: int
    unstarted: int
    """Still waiting for a user when the drain ended: censored."""
    unfinished: int
    """Requests in flight when the drain ended: censored."""
    abandoned: int
    """Never begun, because the user's ``on_start`` failed: censored."""
    lost: int = 0
    """Begun by a worker that was lost, or due before others took over: nobody knows how they ended."""
    uncharged: int
    """Of those that never came to a request, the ones whose routes nobody knows: they are missing in every count."""
    most_users: int
    user_bound: int


class Generator(Recorded):
    """How the generator itself did. Any reason makes the verdict inconclusive."""

    workers: int = 1
    lag_p50: float = 0.0
    """Of the seconds by which arrivals were begun late."""
    lag_p99: float = 0.0
    lag_max: float = 0.0
    late: float = 0.0
    """Share of the arrivals that were begun more than 50 ms late."""
    cpu: float = 0.0
    """Share of one core that the busiest worker used."""
    cpu_busiest: float = 0.0
    """The same over its ten busiest seconds."""
    cpu_total: float = 0.0
    """Cores that all workers used together."""
    longest_stall: float = 0.0
    """Seconds for which a worker's loop stood still."""
    stalled: float = 0.0
    """Share of the time in which it did so for more than 50 ms at once. Here and below, of the worst worker."""
    waited: float | None = None
    """Share of the time in which it was ready to run and had no core. Here and below, None where no system tells."""
    throttled: float | None = None
    """Share of the time for which a quota held it back."""
    steal: float | None = None
    """Share of its machine's time that the hypervisor gave to others."""
    shared_busy: float | None = None
    """Share of its machine's cores that were busy; None as well where the service is on another machine."""
    open_files: float | None = None
    """Most of the open files it may have, as a share."""
    local_ports: float | None = None
    """Most of the local ports in use, as a share, estimated from above."""
    reasons: tuple[str, ...] = ()
    tolerated: tuple[str, ...] = ()
    """What would have been a reason by the usual limits."""


class Percentiles(Recorded):
    """Of the requests that succeeded, in seconds."""

    p50: float
    p90: float
    p95: float
    p99: float
    p999: float
    mean: float
    max: float


class Parts(Recorded):
    """What the requests around a percentile spent their time on: means in seconds, together their response time.

    These are the request of the percentile's rank and on each side of it a hundredth of all, at least 5 where there are
    so many; times are told apart to 3.2 %.
    """

    requests: int
    """How many these are."""
    told: int
    """Of these, the ones of which the server said what it did (by ``Server-Timing``)."""
    lag: float
    """The generator was late."""
    user: float
    """Its arrival waited for a user: past the bound on users, or while one logged in."""
    connection: float
    """Its name was resolved, its connection opened and secured."""
    wait: float
    """From the send to the first byte, where the server did not tell."""
    receive: float
    """From the first byte to the last, where it did not tell."""
    network: float
    """From the send to the last byte, less what the server told of: on the way, and until a busy server began."""
    pool: float
    """Waiting for a connection to the database, while none of the request's queries ran."""
    database: float
    application: float
    other: float
    """The client's own work; and, of a request that was redirected or sent again, all exchanges but the last."""


class Splits(Recorded):
    """What a route's response time is made of, where its client times its steps: requests that succeeded."""

    p50: Parts
    p95: Parts
    p99: Parts


class SlowRequest(Recorded):
    """One of the slowest judged requests that came to an end."""

    response: float
    """Seconds from the moment due."""
    due: float
    """Seconds since the load began."""
    route: str
    error: str | None
    """How it failed, if it did."""
    trace_id: str | None
    """Its trace, where the server told; traces.jsonl has it if the service kept it."""


class RouteRecord(Recorded):
    """One route over the judged part of the run."""

    route: str
    requests: int
    """All that were due: succeeded, failed and censored."""
    failed: int
    censored: int
    lost: int = 0
    """Requests whose end nobody knows, because a worker was lost; in no other count."""
    setup: int
    rate: float
    """Requests per second."""
    response: Percentiles | None
    service: Percentiles | None
    errors: dict[str, int] = Field(default_factory=dict)
    queries: float | None = None
    """Mean database queries per request, by the service's own count."""
    split: Splits | None = None


class Tick(Recorded):
    """One second of the load, as it looked then; counts since the load began."""

    second: float
    planned: float
    started: float
    completed: float
    waiting: float
    users: float
    requests: float
    failed: float
    lag: float
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class RunDocument(Recorded):
    """The whole of run.json."""

    schema_: Literal["tailgate/run/v1"] = Field(default=SCHEMA, alias="schema")
    id: str
    tool: str
    """The version of tailgate that wrote it."""
    started: str
    """When the load began: ISO 8601, UTC."""
    began: Seconds
    """The same as seconds since the epoch; every second in the bundle counts from here."""
    seconds: Seconds
    """How long the load lasted, warm-up and drain included."""
    measured_from: Seconds
    """The first judged second."""
    measured_to: Seconds
    """The end of the last stage, or of the load where it ended before."""
    interrupted: Literal["SIGINT", "SIGTERM"] | None = None
    aborted: str | None = None
    """Why the brake ended the load, where the service failed too many requests: the run fails."""
    ended: str | None = None
    """Why a search for the highest rate held ended before its last step, which is no fault."""
    plan: PlanRecord
    environment: dict[str, str | int | float | bool | None]
    tags: dict[str, str] = Field(default_factory=dict)
    arrivals: Arrivals
    generator: Generator
    routes: tuple[RouteRecord, ...]
    slowest: tuple[SlowRequest, ...] = ()
    """The slowest first."""
    timeline: tuple[Tick, ...]
    exceptions: dict[str, int] = Field(default_factory=dict)
    """Exceptions that the locustfile's tasks raised, by class."""
    server: Literal["complete", "lost", "absent"]
    """The service's counters: at start and end; at the start only; or it has none."""
    browsers: Account | None = None
    """What became of the visits of browsers beside the load; visits.jsonl has each. None: there were no browsers."""
    warnings: tuple[str, ...] = ()
