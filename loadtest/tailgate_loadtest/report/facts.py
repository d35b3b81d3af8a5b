"""What a run was and where it took place, as pairs of a name and a value in words."""

import datetime as dt
from collections.abc import Mapping

from tailgate_loadtest.judge.document import VerdictDocument
from tailgate_loadtest.report import show
from tailgate_loadtest.run.document import PlanRecord, RunDocument, StageRecord
from tailgate_loadtest.run.environment import Fact

Facts = list[tuple[str, str]]


def banner(run: RunDocument, verdict: VerdictDocument) -> Facts:
    """What one asks first."""
    facts = [
        ("Profile", run.plan.profile or "closed model"),
        ("Host", run.plan.host),
        ("Duration", show.span(run.seconds)),
        ("Requests", show.count(sum(route.requests for route in run.routes))),
        ("When", when(run.started)),
        ("Revision", revision(run.environment)),
    ]
    if verdict.rate_held is not None:
        facts.insert(0, ("Rate held", f"{show.rate(verdict.rate_held)} arrivals/s"))
    return facts


def plan(run: RunDocument) -> Facts:
    """What the run was to do."""
    record = run.plan
    facts = [
        ("profile", record.profile or show.NOTHING),
        ("description", record.description),
        (
            "model",
            "open: arrivals come when they are due" if record.model == "open" else "closed: users wait their turn",
        ),
        ("arrivals", _arrivals(record)),
        ("stages", "; ".join(map(_stage, record.stages))),
        ("search for the highest rate held", "yes, each stage judged by itself" if record.steps else ""),
        ("warm-up, not judged", show.span(record.warmup) if record.warmup else ""),
        ("arrivals judged", f"{show.span(run.measured_from)} to {show.span(run.measured_to)}"),
        ("ended before that", run.aborted or run.ended or ""),
        ("drain at most", show.span(record.drain)),
        ("users at most" if record.model == "open" else "users", show.count(record.users)),
        ("seed", str(record.seed)),
        ("locustfile", record.locustfile),
        ("objectives", record.slo or show.NOTHING),
        ("objectives' digest", record.slo_digest or ""),
    ]
    return [fact for fact in facts if fact[1]]


def arrivals(run: RunDocument) -> Facts:
    """What became of the arrivals."""
    known = run.arrivals
    facts = [
        ("planned", known.planned),
        ("arrived", known.arrived),
        ("judged", known.judged),
        ("begun", known.started),
        ("ended", known.completed),
        ("never got a user", known.unstarted),
        ("on_start failed", known.abandoned),
        ("in flight at the end", known.unfinished),
    ]
    if run.plan.model == "closed":
        facts = [fact for fact in facts if fact[0] != "planned"]
    pairs = [(name, show.count(number)) for name, number in facts]
    return [*pairs, ("users at once", f"{show.count(known.most_users)} of {show.count(known.user_bound)}")]


def generator(run: RunDocument) -> Facts:
    """How the generator itself did."""
    known = run.generator
    shares = (
        ("loop stood still", known.stalled),
        ("ready to run, and no core", known.waited),
        ("held back by a quota", known.throttled),
        ("stolen by the hypervisor", known.steal),
        ("busy cores, the service's among them", known.shared_busy),
        ("open files, most", known.open_files),
        ("local ports, most", known.local_ports),
    )
    several = [
        ("processes", show.count(known.workers)),
        ("processors, all", f"{show.significant(known.cpu_total)} cores"),
    ]
    return [
        *(several if known.workers > 1 else ()),
        ("processor", f"{_percent(known.cpu)} of a core"),
        ("processor, busiest ten seconds", f"{_percent(known.cpu_busiest)} of a core"),
        ("arrivals late, p50", show.latency(known.lag_p50)),
        ("arrivals late, p99", show.latency(known.lag_p99)),
        ("arrivals late, most", show.latency(known.lag_max)),
        ("longest stall", show.latency(known.longest_stall)),
        *((name, _percent(share)) for name, share in shares if share is not None),
    ]


def environment(run: RunDocument) -> Facts:
    """Where it took place, its tags, and who wrote the bundle."""
    tags = ((f"tag {name}", value) for name, value in sorted(run.tags.items()))
    return [*place(run.environment), *tags, ("tailgate", run.tool)]


def place(environment: Mapping[str, Fact]) -> Facts:
    """The machine, its packages and the checkout, as a bundle keeps them."""
    return [(name.removesuffix("_bytes").replace("_", " "), _fact(name, value)) for name, value in environment.items()]


def revision(environment: Mapping[str, Fact]) -> str:
    """The checkout's revision, and whether files differed from it."""
    return str(environment.get("revision") or show.NOTHING) + (" with changes" if environment.get("dirty") else "")


def when(started: str) -> str:
    """A moment in UTC to the second; the text itself where it is none."""
    try:
        return dt.datetime.fromisoformat(started).astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return started


def _fact(name: str, value: str | float | bool | None) -> str:
    if value is None or value == "":
        return show.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if name.endswith("_bytes"):
        return show.size(value)
    return show.exact(value if isinstance(value, int) else round(value, 3))


def _percent(share: float) -> str:
    return f"{show.significant(100 * share)}{show.NARROW}%"


def _arrivals(record: PlanRecord) -> str:
    return {"poisson": "Poisson", "constant": "evenly spaced"}.get(record.process or "", "")


def _stage(stage: StageRecord) -> str:
    rate = show.exact(stage.start)
    if stage.end != stage.start:
        rate = f"{rate} to {show.exact(stage.end)}"
    return f"{rate}/s for {show.span(stage.duration)}"
