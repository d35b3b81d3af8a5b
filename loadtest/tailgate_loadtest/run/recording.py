"""One side of a load on its way into a bundle: its counters, its seconds as they are told, and its document."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from tailgate_loadtest.browser.account import Account
from tailgate_loadtest.errors import EngineError
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import LatencyLog, mend
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run import environment
from tailgate_loadtest.run.brake import Ending
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import Arrivals, Generator, Percentiles, RouteRecord, RunDocument, Tick
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.live import Beat, Live
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.run.server import ServerCounters
from tailgate_loadtest.run.traces import TraceStore
from tailgate_loadtest.shapes.profile import Profile

_MAX_WARNINGS = 50


@dataclass(kw_only=True)
class Recording:
    """What is written down of one load on one API."""

    plan: Plan
    bundle: Bundle
    id: str
    """The run's."""
    live: Live
    """Where the load is counted as it goes; when it is over, all that was measured."""
    server: ServerCounters
    traces: TraceStore | None = None
    on_settled: Callable[[], list[str]] = list
    """Called when ``live`` has all that was measured; what it returns are warnings of the run."""
    ticks: list[Tick] = field(default_factory=list)

    def begin(self) -> None:
        """Nothing is loaded yet."""
        self.live.begin(self.id)
        if self.plan.objectives:
            # Judged again, a bundle must come to the same verdict, whatever became of the file.
            self.bundle.write_text(self.bundle.objectives.name, self.plan.objectives.text)

    def hear(self, message: Mapping[str, Any]) -> Tick:
        """A second has passed; what the engine says of it."""
        beat = Beat.of(message)
        self.ticks.append(beat.tick)
        self.live.add(beat)
        warmup = self.plan.load.warmup if isinstance(self.plan.load, Profile) else 0.0
        if warmup and "measured" not in self.server.moments and beat.tick.second >= warmup and not self.server.errors:
            self.server.take("measured")
        return beat.tick

    def mend(self, death: str, interruption: Interruption) -> None:
        """Make whole what an engine that died has left. Raises EngineError when there was no load, nor need be one."""
        if self.bundle.log.exists():
            mend(self.bundle.log)
        elif interruption.name:
            self.bundle.log.touch()
        else:
            raise EngineError(death)

    def write(
        self, interruption: Interruption, ending: Ending | None, death: str, browsers: Account | None = None
    ) -> None:
        """The load is over and the last counters are read: write the bundle, with the traces that have come."""
        result = self.bundle.take_account()
        self.bundle.write_text(self.bundle.traces.name, self.traces.text() if self.traces is not None else "")
        self.bundle.write_json("server.json", self.server.document())
        document = self._document(result, interruption, ending, death, browsers)
        self.live.settle(self.bundle.read_log(), document.arrivals)
        if warnings := self.on_settled():
            document = document.model_copy(update={"warnings": (*document.warnings, *warnings)})
        self.bundle.write_run(document)

    def _document(
        self,
        result: dict[str, Any],
        interruption: Interruption,
        ending: Ending | None,
        death: str,
        browsers: Account | None,
    ) -> RunDocument:
        record = self.plan.record()
        log = self.bundle.read_log()
        began = result.get("began", dt.datetime.now(dt.UTC).timestamp() - len(self.ticks))
        seconds = result.get("seconds", float(len(self.ticks)))
        planned_end = record.warmup + sum(stage.duration for stage in record.stages)
        measured_to = min(seconds, planned_end) if record.model == "open" else seconds
        generator = result.get("generator", {"reasons": []})
        reasons = [*generator["reasons"], *([death] if death else [])]
        if result.get("stopped_early") and interruption.name is None and ending is None:
            reasons.append(f"the engine was told to stop after {seconds:.0f} s, and not by this run")
        queries = {route: counts.mean for route, counts in self.server.queries().items()}
        return RunDocument(
            id=self.id,
            tool=version("tailgate-loadtest"),
            started=dt.datetime.fromtimestamp(began, dt.UTC).isoformat(timespec="milliseconds"),
            began=began,
            seconds=seconds,
            measured_from=min(record.warmup, measured_to),
            measured_to=measured_to,
            interrupted=interruption.name,
            aborted=ending.why if ending and ending.aborted else None,
            ended=ending.why if ending and not ending.aborted else None,
            plan=record,
            environment={**environment.facts(), **self.plan.facts},
            tags=dict(self.plan.labels),
            arrivals=Arrivals(**result["arrivals"]) if result else _arrivals_from(self.ticks, self.plan),
            generator=Generator(**{**generator, "reasons": tuple(reasons)}),
            routes=_routes(log, result, queries, measured_to - min(record.warmup, measured_to)),
            slowest=tuple(result.get("slowest", ())),
            timeline=tuple(self.ticks),
            exceptions=result.get("exceptions", {}),
            server=self.server.state,
            browsers=browsers,
            warnings=tuple(_warnings(self.plan, result, self.server, ending, browsers)[:_MAX_WARNINGS]),
        )


def _routes(
    log: LatencyLog, result: dict[str, Any], queries: dict[str, float], seconds: float
) -> tuple[RouteRecord, ...]:
    errors, splits = result.get("errors", {}), result.get("splits", {})
    records = []
    for route in sorted({*log.all_routes, *errors}):
        response, service = log.whole(route, Kind.RESPONSE), log.whole(route, Kind.SERVICE)
        failed, censored = log.whole(route, Kind.FAILED).total, log.whole(route, Kind.CENSORED).total
        requests = response.total + failed + censored
        records.append(
            RouteRecord(
                route=route,
                requests=requests,
                failed=failed,
                censored=censored,
                lost=log.whole(route, Kind.LOST).total,
                setup=log.whole(route, Kind.SETUP).total,
                rate=requests / seconds if seconds > 0 else 0.0,
                response=percentiles(response),
                service=percentiles(service),
                errors=errors.get(route, {}),
                queries=queries.get(route),
                split=splits.get(route),
            )
        )
    return tuple(records)


def percentiles(histogram: Histogram) -> Percentiles | None:
    """Those of a bundle; None of nothing."""
    if not histogram.total:
        return None
    p50, p90, p95, p99, p999 = (histogram.quantile(q) for q in (0.5, 0.9, 0.95, 0.99, 0.999))
    return Percentiles(p50=p50, p90=p90, p95=p95, p99=p99, p999=p999, mean=histogram.mean(), max=histogram.maximum())


def _warnings(
    plan: Plan, result: dict[str, Any], server: ServerCounters, ending: Ending | None, browsers: Account | None
) -> list[str]:
    warnings = [*server.errors, *result.get("notes", ())]
    warnings += (f"tolerated: {what}" for what in result.get("generator", {}).get("tolerated", ()))
    if plan.tls.insecure:
        warnings.append("--insecure: no certificate was looked at, so whoever answered was taken for the server")
    if ending is not None and not ending.aborted:
        warnings.append(ending.why)
    if result.get("model") == "closed":
        warnings.append(
            "closed model: a slow answer delays the next request, so times are service times and hide queueing;"
            " give a --profile for response times"
        )
    if folded := result.get("folded_routes"):
        warnings.append(
            f"more than 200 routes; the rest is in (other), such as {', '.join(folded)}:"
            " give requests a name=, or name the API's templates by --openapi"
        )
    arrivals = result.get("arrivals", {})
    if arrivals.get("abandoned"):
        warnings.append(f"{arrivals['abandoned']} arrivals were never begun, because on_start failed")
    if arrivals.get("unstarted"):
        full = arrivals["most_users"] >= arrivals["user_bound"]
        what = f"one of {arrivals['user_bound']} users" if full else "the on_start of their users"
        warnings.append(f"{arrivals['unstarted']} arrivals still waited for {what} at the end")
    for name, count in result.get("exceptions", {}).items():
        warnings.append(f"{plan.locustfile.name}: tasks raised {name} {count} times")
    if browsers is not None:
        warnings += (f"browsers: {warning}" for warning in browsers.warnings)
    return warnings


def _arrivals_from(ticks: list[Tick], plan: Plan) -> Arrivals:
    # The engine died: its last word is all there is.
    last = ticks[-1] if ticks else None
    started, completed = (round(last.started), round(last.completed)) if last else (0, 0)
    return Arrivals(
        planned=round(last.planned) if last else 0,
        arrived=started,
        judged=0,
        started=started,
        completed=completed,
        unstarted=round(last.waiting) if last else 0,
        unfinished=started - completed,
        abandoned=0,
        uncharged=0,
        most_users=round(last.users) if last else 0,
        user_bound=plan.load.users,
    )
