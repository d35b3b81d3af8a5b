"""Two live sides compared as the command does it: probed, loaded together, looked at meanwhile, judged."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tailgate_loadtest.data import locustfile as reference_locustfile
from tailgate_loadtest.errors import EngineError
from tailgate_loadtest.judge.regression.document import ComparisonDocument, Rates
from tailgate_loadtest.judge.regression.statistics.looks import Look
from tailgate_loadtest.judge.regression.stored import write_document
from tailgate_loadtest.judge.regression.terms.asked import Asked, Terms
from tailgate_loadtest.judge.regression.terms.leeway import Leeway
from tailgate_loadtest.judge.regression.together import CYCLES, judge_pair, looks_of
from tailgate_loadtest.report import show
from tailgate_loadtest.run import environment
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.run.document import Tick
from tailgate_loadtest.run.environment import Fact
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.live import Live
from tailgate_loadtest.run.pair import conduct_pair
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.run.probe import probe
from tailgate_loadtest.run.receiver import TraceReceiver
from tailgate_loadtest.run.recording import Recording
from tailgate_loadtest.run.server import ServerCounters
from tailgate_loadtest.shapes.orders import Probing
from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.shapes.sides import SIDES, TURNS, Design, Side
from tailgate_loadtest.shapes.tolerance import Tolerance
from tailgate_slo import Gate, Objectives

from tailgate import objectives as objectives_files
from tailgate import settings as settings_file
from tailgate.console import say
from tailgate.errors import CommandError
from tailgate.looking import Looker, told_dead
from tailgate.settings import Service
from tailgate.sides.live import Live as LiveSide
from tailgate.sides.opening import OPTIONS, Means, Sides, open_sides
from tailgate.sides.traces import receiving

_EVERY = 10


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for, the settings file's defaults applied."""

    base: str | None
    candidate: str | None
    service: Service
    locustfile: Path | None
    profile: Profile
    objectives: Objectives | None
    """The working directory's."""
    slo: str | None
    """Their file, where the command line names it."""
    budget: float
    """Seconds of load at the most, warm-up included."""
    error_rate: float
    turn: int
    """Seconds for which a side is loaded alone."""
    seed: int
    db_rtt: float
    targets: Path | None
    out: Path
    tolerance: Tolerance
    classes: tuple[str, ...]
    openapi: tuple[str, ...]
    on_inconclusive: Literal["fail", "neutral"]
    rates: Rates | None = None
    unrated: str | None = None
    """Why there are no rates, where there might be."""
    stops: bool = True
    """The load ends once it is decided."""
    options: Mapping[Side, str] = field(default_factory=lambda: OPTIONS)
    """How each side was asked for, as errors name it."""

    @property
    def design(self) -> Design:
        """Who gets which arrivals: as many whole cycles as the budget has room for.

        Raises:
            CommandError: it has room for too few.
        """
        warmup = round(self.profile.warmup)
        whole = Design(seconds=warmup, warmup=warmup, seed=self.seed, block=self.turn)
        cycles, least = int((self.budget - warmup) // whole.cycle), warmup + CYCLES * whole.cycle
        if cycles < CYCLES:
            raise CommandError(
                f"--budget {self.budget:g}s: {least}s are the least: {warmup} s of warm-up, and {CYCLES} cycles of"
                f" {whole.cycle} s in which both sides are loaded together and have {2 * TURNS} turns of {self.turn} s"
            )
        return replace(whole, seconds=warmup + cycles * whole.cycle)

    @property
    def early(self) -> tuple[Look, ...]:
        """The looks at which the load may end before its time; at the last it ends by itself."""
        return looks_of(self.design, self.error_rate).moments[:-1] if self.stops else ()

    def objectives_of(self, live: LiveSide) -> Objectives | None:
        """A side's own, where it has files of its own: a revision may ask for more, or for less, than another.

        Where they are its own tailgate.yaml says, unless the command line does. Were it the working directory's, a
        change that moves its objectives, or deletes them, would do without the base's.

        Raises:
            CommandError: its tailgate.yaml is wrong.
            SloError: they are wrong.
        """
        if live.directory is None:
            return self.objectives
        own = settings_file.load(live.directory / settings_file.FILE).slo
        return objectives_files.find_in(live.directory, self.slo, own, reference=self.locustfile is None)

    def plan(self, live: LiveSide, design: Design) -> Plan:
        """What one side is loaded with."""
        return Plan(
            host=live.url,
            locustfile=self.locustfile or reference_locustfile(),
            load=self.profile.lasting(design.seconds - design.warmup),
            out=self.out,
            seed=self.seed,
            objectives=self.objectives_of(live),
            metrics_url=live.metrics_url,
            targets=live.targets or self.targets,
            run_secret=live.run_secret,
            classes=self.classes,
            openapi=self.openapi,
            tolerance=self.tolerance,
            facts={**live.facts, **_revision(live)},
        )


def _revision(live: LiveSide) -> dict[str, Fact]:
    """A side's own, in place of the working directory's."""
    if live.revision is None:
        return {}
    commit, dirty, _ = live.revision.partition("-dirty")
    return {"revision": commit[:12], "dirty": bool(dirty)}


def compare(request: Request, interruption: Interruption) -> tuple[Comparison, ComparisonDocument]:
    """Bring both sides up, compare them, and write what came of it."""
    design = request.design
    with ExitStack() as stack:
        receivers = stack.enter_context(receiving(request.service.traces))
        means = Means(
            service=request.service,
            receivers=receivers,
            options=request.options,
            db_rtt=request.db_rtt,
            slo=Path(request.objectives.file) if request.objectives else None,
        )
        sides = stack.enter_context(open_sides(request.base, request.candidate, means))
        comparison = Comparison.create(request.out, environment.revision())
        try:
            _probe(request, design, sides, comparison, interruption)
            until, gave_out = _load(request, design, sides, receivers, comparison, interruption)
        except BaseException:
            comparison.discard()  # no load, or none that could be told of
            raise
        terms = Terms(
            sides={s: Asked(what=sides[s].what, revision=sides[s].revision, facts=sides[s].facts) for s in SIDES},
            design=design,
            error_rate=request.error_rate,
            fresh=sides.renewable,
            on_inconclusive=request.on_inconclusive,
            until=until,
            gave_out=gave_out,
            rates=request.rates,
            unrated=request.unrated,
        )
        document = judge_pair(comparison, terms)
        if interruption.name is not None:
            # The sides still run, and whoever cancelled may kill us before they have ended.
            write_document(comparison.directory, document)
    return comparison, document


def _probe(request: Request, design: Design, sides: Sides, comparison: Comparison, interruption: Interruption) -> None:
    """Ask both the same, one request after the other; then let both begin again with the data they began with."""
    # By the base's names for both, as when they are loaded: requests with two names are not lined up.
    routes = request.plan(sides[Side.BASE], design).routes
    asked = Probing()
    for side in SIDES:
        plan, bundle = request.plan(sides[side], design), comparison.bundle(side)
        say(f"asking the {side} one request after the other")
        try:
            found = probe(replace(plan.orders(bundle), routes=routes), comparison.probe(side), interruption, asked)
            asked = replace(asked, iterations=found.account.iterations)
        except EngineError:
            if not interruption.name:
                raise
        if interruption.name:
            raise KeyboardInterrupt
        if (how := told_dead(sides, side)) and side is Side.BASE:
            raise CommandError(
                f"{request.options[side]} {sides[side].what}: its service ended when it was asked one request after the"
                f" other: {how}; there is nothing to compare with"
            )
    if sides.renewable:
        for side in SIDES:
            sides.fresh(side)


def _load(
    request: Request,
    design: Design,
    sides: Sides,
    receivers: dict[Side, TraceReceiver],
    comparison: Comparison,
    interruption: Interruption,
) -> tuple[float, tuple[Side, ...]]:
    """Put the load on; returns the second up to which the evidence counts, and the sides that gave out."""
    recordings = {}
    for side in SIDES:
        plan = request.plan(sides[side], design)
        recordings[side] = Recording(
            plan=plan,
            bundle=comparison.bundle(side),
            id=f"{comparison.id}-{side}",
            live=Live(plan.objectives),
            server=ServerCounters(plan.metrics_url),
            traces=receivers[side].store,
        )
    name = (request.locustfile or reference_locustfile()).name
    say(
        f"loading both with {name}, profile {request.profile.name}: {design.warmup} s of warm-up, then at most"
        f" {design.seconds - design.warmup} s{', until it is decided' if request.stops else ''}"
    )
    files = {side: recording.plan.objectives for side, recording in recordings.items()}
    gates = {side: file.gate(request.profile.name) if file else Gate() for side, file in files.items()}
    looker = Looker(
        comparison,
        design,
        looks_of(design, request.error_rate),
        Leeway.of(gates, time.time()),
        due=request.early,
        sides=sides,
    )
    # Closing the services makes them hand over their last traces.
    ending = conduct_pair(recordings, design, interruption, on_tick=_tell, look=looker, after_load=sides.close)
    return looker.until, ending.gave_out if ending else ()


def _tell(side: Side, tick: Tick) -> None:
    if side is Side.CANDIDATE and tick.second and tick.second % _EVERY == 0 and tick.p95 is not None:
        p95 = show.plain(show.latency(tick.p95))
        say(f"{tick.second:4.0f} s  {tick.requests:.0f} requests of the candidate, p95 {p95} just now")


def quiet_enough(given: Tolerance) -> Tolerance:
    """What a machine may do to the generator of a comparison.

    What others take of the machine they take of both sides alike, and how much that scatters is measured; a generator
    that is late or stands still counts its own time as theirs, and hides what differs.
    """
    usual = {"waited": 1.0, "throttled": 1.0, "steal": 1.0, "shared": 1.0}
    return Tolerance(**{**usual, **given.moved})
