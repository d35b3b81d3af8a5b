"""``tailgate run --plan``: what would happen, and whether it could decide anything. Nothing is sent."""

import json
import tempfile
from pathlib import Path
from typing import Any

from rich.table import Table
from tailgate_loadtest.judge.forecast import Forecast, forecast, samples_per_route, unrehearsed
from tailgate_loadtest.run.engine import EngineProcess
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.shapes.orders import Orders
from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.targets import SCHEMA as TARGETS_SCHEMA

from tailgate.browsing import Browsers
from tailgate.console import out, print_json

# What the reference personas need to go through their tasks; nothing is sent, so anything will do.
_STAND_IN = {
    "schema": TARGETS_SCHEMA,
    "today": "2025-06-01",
    "webhook": {"secret": "-", "verify_token": "-"},
    "workspaces": [
        {"id": "-", "api_key": "-", "phone_number_id": "-"}
        | {key: ["0"] for key in ("phones", "contacts", "conversations", "users")}
    ],
}


def show_plan(plan: Plan, browsers: Browsers | None, *, embedded: bool, as_json: bool) -> None:
    """Print the load, the samples that each objective can expect, and whether they can decide it."""
    profile = plan.load if isinstance(plan.load, Profile) else None
    samples: dict[str, float] | None = None
    unknown: tuple[str, ...] = ()
    if profile is not None:
        rehearsal = _rehearse(plan, embedded=embedded)
        samples, unknown = samples_per_route(profile, rehearsal), unrehearsed(profile, rehearsal)
    gate = plan.objectives.gate(plan.gate_profile) if plan.objectives else None
    prospects = forecast(plan.objectives, gate, samples, unknown) if plan.objectives and gate else []
    if as_json:
        print_json(_document(plan, browsers, samples, prospects))
        return
    console = out()
    target = "the reference API, on a database of its own" if embedded else plan.host
    console.print(f"would load {target} with {plan.locustfile.name}", markup=False)
    if profile is None:
        console.print("closed model: the answers set the pace, so no number of samples can be promised")
    else:
        console.print(
            f"profile {profile.name}: {profile.process} arrivals, at most {profile.users} users at once", markup=False
        )
        if profile.warmup:
            console.print(f"  {profile.warmup:g} s warm-up at {profile.stages[0].start:g}/s, not judged")
        for stage in profile.stages:
            rate = f"{stage.start:g}/s" if stage.start == stage.end else f"{stage.start:g}/s to {stage.end:g}/s"
            console.print(f"  {stage.duration:g} s at {rate}, about {stage.arrivals:.0f} arrivals")
    if browsers:
        console.print(f"beside it, {browsers.words}", markup=False)
    if prospects:
        console.print(_table(prospects))
    else:
        console.print("no objectives: nothing would be judged but failed requests")


def _rehearse(plan: Plan, *, embedded: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tailgate-") as scratch:
        targets = plan.targets
        if embedded or targets is None:
            targets = Path(scratch) / "targets.json"
            targets.write_text(json.dumps(_STAND_IN), encoding="utf-8")
        orders = Orders(
            locustfile=str(plan.locustfile.resolve()),
            host=plan.host,
            load=plan.load,
            seed=plan.seed,
            drain=0.0,
            log="",
            result="",
            targets=str(targets),
            rehearse=True,
            classes=plan.classes,
            tags=plan.tags,
            exclude_tags=plan.exclude_tags,
            routes=plan.routes,
        )
        with EngineProcess(orders) as engine:
            return engine.rehearsal()


def _table(prospects: list[Forecast]) -> Table:
    table = Table("objective", "expected samples", "needed", "can be decided", box=None, pad_edge=False)
    for each in prospects:
        samples = "unknown" if each.samples is None else f"{each.samples:.0f}"
        word = {True: "yes", False: "no", None: "unknown"}[each.decidable]
        table.add_row(each.slo.display_name, samples, str(each.needed), f"{word} {each.note}".strip())
    return table


def _document(
    plan: Plan, browsers: Browsers | None, samples: dict[str, float] | None, prospects: list[Forecast]
) -> dict[str, Any]:
    return {
        "plan": plan.record().model_dump(mode="json"),
        "browsers": browsers.record if browsers else [],
        "samples_per_route": samples,
        "objectives": [
            {
                "name": each.slo.name,
                "expected_samples": each.samples,
                "needed_samples": each.needed,
                "decidable": each.decidable,
                "note": each.note,
            }
            for each in prospects
        ],
    }
