"""What is recorded of one objective: its error ratios by window, and what follows from them."""

from decimal import Decimal
from typing import Any

from tailgate_otel import names
from tailgate_slo import SLO
from tailgate_slo.budget import error_budget

from .events import Events
from .identity import recorded
from .windows import LONGEST_RAW, SHORTEST, Window, windows

Rule = dict[str, Any]


def short_rules(slo: SLO, identity: dict[str, str], events: Events, pace: int) -> list[Rule]:
    """The error ratios over windows that are short enough to count from the raw series."""
    short = (window for window in windows(slo.period_days, pace) if window.seconds <= LONGEST_RAW)
    return [_ratio(identity, events, window) for window in short]


def long_rules(slo: SLO, identity: dict[str, str], events: Events, pace: int) -> list[Rule]:
    """The rates of bad and of all events, and the error ratios over the windows that add these up.

    Ratios of sums weigh every event the same. They are to be evaluated once a minute, which bounds how many values a
    window holds, however often other rules are.

    What these windows are about begins when the rules are loaded. So for each there is the part of it that is known,
    by the first moment in it at which anything was recorded: hours in which Prometheus or the service was down count
    as known.
    """
    long = [window for window in windows(slo.period_days, pace) if window.seconds > LONGEST_RAW]
    added = [window for window in windows(slo.period_days, pace) if is_added_up(events, window)]
    now = events.over(Window(seconds=SHORTEST, pace=pace).range)
    return [
        _record(names.SLI_BAD_EVENTS, now.bad, identity),
        _record(names.SLI_EVENTS, now.all, identity),
        _record(names.SLI_RECORDED, "vector(time())", identity),
        *(_ratio(identity, events, window) for window in long),
        *(_known(identity, window) for window in added),
    ]


def is_added_up(events: Events, window: Window) -> bool:
    """Whether a window's ratio is of what is recorded, rather than of the raw series."""
    return window.seconds > (LONGEST_RAW if events.ranged else SHORTEST)


def _known(identity: dict[str, str], window: Window) -> Rule:
    seconds = f"{Decimal(window.milliseconds).scaleb(-3).normalize():f}"
    known = f"(time() - min_over_time({recorded(names.SLI_RECORDED, identity)}[{window.range}])) / {seconds}"
    return _record(names.SLI_KNOWN + window.name, known, {**identity, names.LABEL_SLO_WINDOW: window.name})


def _ratio(identity: dict[str, str], events: Events, window: Window) -> Rule:
    if events.ranged and window.seconds <= LONGEST_RAW:
        within = events.over(window.range)
        bad, every = within.bad, within.all
    else:
        bad, every = (
            f"sum_over_time({recorded(metric, identity)}[{window.range}])"
            for metric in (names.SLI_BAD_EVENTS, names.SLI_EVENTS)
        )
    labels = {**identity, names.LABEL_SLO_WINDOW: window.name}
    return _record(names.SLI_ERROR_RATIO + window.name, f"{bad}\n/\n({every} > 0)", labels)


def meta_rules(slo: SLO, identity: dict[str, str]) -> list[Rule]:
    """The objective itself, how fast its budget burns, and what is left of it."""
    budget = error_budget(slo.target)
    current = recorded(f"{names.SLI_ERROR_RATIO}{Window(seconds=SHORTEST).name}", identity)
    period = recorded(f"{names.SLI_ERROR_RATIO}{slo.period_days}d", identity)
    burnt = recorded(names.SLO_PERIOD_BURN_RATE, identity)
    known = recorded(f"{names.SLI_KNOWN}{slo.period_days}d", identity)
    info = {
        **identity,
        names.LABEL_SLO_OBJECTIVE: f"{(slo.target * 100).normalize():f}",
        names.LABEL_SLO_MODE: "tailgate",
        names.LABEL_SLO_SPEC: "openslo/v1",
    }
    return [
        _record(names.SLO_OBJECTIVE, f"vector({slo.target:f})", identity),
        _record(names.SLO_ERROR_BUDGET, f"vector({budget:f})", identity),
        _record(names.SLO_PERIOD_DAYS, f"vector({slo.period_days})", identity),
        _record(names.SLO_CURRENT_BURN_RATE, f"{current} / {budget:f}", identity),
        _record(names.SLO_PERIOD_BURN_RATE, f"{period} / {budget:f}", identity),
        # What was before the rules were loaded is taken to have kept the objective.
        _record(names.SLO_BUDGET_REMAINING, f"1 - {burnt} * {known}", identity),
        _record(names.SLO_INFO, "vector(1)", info),
    ]


def _record(metric: str, expr: str, labels: dict[str, str]) -> Rule:
    return {"record": metric, "expr": expr, "labels": dict(labels)}
