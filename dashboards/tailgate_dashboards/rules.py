"""Prometheus recording rules and alerts, compiled from objectives.

Recorded names and labels are Sloth's, so that public SLO boards work on them. Two things differ on purpose.
The period's error ratio weighs every event the same: it divides the sums of bad and of all events, where an
average of ratios would let a quiet night count as much as a busy day. And a window without events records
nothing.
"""

from typing import Any, ClassVar

import yaml
from tailgate_otel import names
from tailgate_slo import SLO, Objectives
from tailgate_slo.budget import AlertWindow, Severity, alert_windows, error_budget

from .errors import UnsupportedError
from .sli import Events, equal, events_of

_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_SHORTEST = _WINDOWS[0]
_HEADER = "# Compiled from the objectives file by `tailgate slo rules`; change that file, not this one.\n"

Rule = dict[str, Any]


def compile_rules(objectives: Objectives) -> dict[str, Any]:
    """The rule groups of a Prometheus rule file, three for each objective that `left_out` does not name.

    Raises UnsupportedError when the file says that the series come from elsewhere.
    """
    if objectives.metrics.preset != "otel":
        raise UnsupportedError(
            f"{objectives.file}: rules for the preset {objectives.metrics.preset} cannot be compiled, only otel"
        )
    groups: list[dict[str, Any]] = []
    for slo in objectives.slos:
        if events := events_of(slo.measure):
            identity = _identity(slo)
            prefix = identity[names.LABEL_SLO_ID]
            groups += [
                {"name": f"{prefix}:sli", "rules": _sli_rules(slo, identity, events)},
                {"name": f"{prefix}:meta", "rules": _meta_rules(slo, identity)},
                {"name": f"{prefix}:alerts", "rules": [_alert(slo, identity, s) for s in ("page", "ticket")]},
            ]
    return {"groups": groups}


def left_out(objectives: Objectives) -> tuple[str, ...]:
    """The names of the objectives that have no rules: those on foreign queries and on Web Vitals."""
    return tuple(slo.name for slo in objectives.slos if events_of(slo.measure) is None)


def render(rules: dict[str, Any]) -> str:
    """The rules as YAML, the same text for the same rules."""
    return _HEADER + yaml.dump(rules, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)


def _identity(slo: SLO) -> dict[str, str]:
    return {
        names.LABEL_SLO_ID: f"tailgate-{slo.service}-{slo.name}",
        names.LABEL_SLO_SERVICE: slo.service,
        names.LABEL_SLO_NAME: slo.name,
    }


def _recorded(metric: str, identity: dict[str, str]) -> str:
    return f"{metric}{{{equal(names.LABEL_SLO_ID, identity[names.LABEL_SLO_ID])}}}"


def _record(metric: str, expr: str, labels: dict[str, str]) -> Rule:
    return {"record": metric, "expr": expr, "labels": dict(labels)}


def _sli_rules(slo: SLO, identity: dict[str, str], events: Events) -> list[Rule]:
    bad, every = events.over(_SHORTEST)
    rules = [_record(names.SLI_BAD_EVENTS, bad, identity), _record(names.SLI_EVENTS, every, identity)]
    period = f"{slo.period_days}d"
    for window in (*(w for w in _WINDOWS if w != period), period):
        bad, every = events.over(window)
        if window == period:
            bad = f"sum_over_time({_recorded(names.SLI_BAD_EVENTS, identity)}[{period}])"
            every = f"sum_over_time({_recorded(names.SLI_EVENTS, identity)}[{period}])"
        labels = {**identity, names.LABEL_SLO_WINDOW: window}
        rules.append(_record(names.SLI_ERROR_RATIO + window, f"{bad}\n/\n({every} > 0)", labels))
    return rules


def _meta_rules(slo: SLO, identity: dict[str, str]) -> list[Rule]:
    budget = error_budget(slo.target)
    current = _recorded(names.SLI_ERROR_RATIO + _SHORTEST, identity)
    period = _recorded(f"{names.SLI_ERROR_RATIO}{slo.period_days}d", identity)
    info = {**identity, names.LABEL_SLO_MODE: "tailgate", names.LABEL_SLO_SPEC: "openslo/v1"}
    return [
        _record(names.SLO_OBJECTIVE, f"vector({slo.target:f})", identity),
        _record(names.SLO_ERROR_BUDGET, f"vector({budget:f})", identity),
        _record(names.SLO_PERIOD_DAYS, f"vector({slo.period_days})", identity),
        _record(names.SLO_CURRENT_BURN_RATE, f"{current} / {budget:f}", identity),
        _record(names.SLO_PERIOD_BURN_RATE, f"{period} / {budget:f}", identity),
        _record(names.SLO_BUDGET_REMAINING, f"1 - {_recorded(names.SLO_PERIOD_BURN_RATE, identity)}", identity),
        _record(names.SLO_INFO, "vector(1)", info),
    ]


def _alert(slo: SLO, identity: dict[str, str], severity: Severity) -> Rule:
    windows = [window for window in alert_windows(slo.period_days) if window.severity == severity]
    pairs = ", or ".join(f"above {_factor(w)} over {_range(w.long)} and {_range(w.short)}" for w in windows)
    return {
        "alert": names.ALERT_BURN,
        "expr": "\nor\n".join(_burning(slo, identity, window) for window in windows),
        "labels": {**identity, names.LABEL_SLO_SEVERITY: severity, names.LABEL_SEVERITY: severity},
        "annotations": {
            "summary": _literal(f"{slo.display_name} ({slo.service}): the error budget burns too fast ({severity})"),
            "description": _literal(f"The burn rate is {pairs}. {slo.description}".strip()),
        },
    }


def _burning(slo: SLO, identity: dict[str, str], window: AlertWindow) -> str:
    limit = f"{_factor(window)} * {error_budget(slo.target):f}"
    # Without the window label the alert stays the same one while the pair that keeps it firing changes.
    sides = (
        f"max without ({names.LABEL_SLO_WINDOW}) "
        f"({_recorded(names.SLI_ERROR_RATIO + _range(seconds), identity)}) > ({limit})"
        for seconds in (window.short, window.long)
    )
    return "(" + "\nand\n".join(sides) + ")"


def _factor(window: AlertWindow) -> str:
    return f"{round(window.factor, 4).normalize():f}"


def _range(seconds: int) -> str:
    """A window as Prometheus writes it, in the largest unit that divides it."""
    units = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
    return next(f"{seconds // length}{unit}" for unit, length in units if seconds % length == 0)


def _literal(text: str) -> str:
    """Text that Prometheus, which expands annotations as templates, leaves as it is."""
    return text.replace("{{", '{{"{{"}}')


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as blocks, and repeats equal labels instead of pointing to them."""

    yaml_representers: ClassVar[dict[Any, Any]] = {**yaml.SafeDumper.yaml_representers, str: _text}

    def ignore_aliases(self, data: object) -> bool:
        return True
