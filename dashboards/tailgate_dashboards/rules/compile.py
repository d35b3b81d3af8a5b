"""Objectives into the rule groups of a Prometheus."""

from typing import Any

from tailgate_otel import names
from tailgate_slo import SLO, Objectives

from ..errors import ConflictError
from ..series import series_of
from .alerts import absent_alerts, burn_alerts
from .events import events_of
from .identity import identity_of
from .recording import long_rules, meta_rules, short_rules
from .windows import Window

Rules = dict[str, Any]
"""``groups``: a list of groups, each with ``name`` and ``rules``, as a rule file of Prometheus has them."""


def compile_rules(objectives: Objectives, *, pace: int = 1) -> Rules:
    """The rule groups of a rule file: four for each objective that `left_out` does not name, one for each service.

    At a greater ``pace`` every window passes so many times faster, under the name that it has: for rehearsals.

    Raises:
        UnsupportedError: the series cannot tell what an objective asks for.
        ConflictError: two objectives would be recorded as one.
    """
    series, minute = series_of(objectives.metrics), Window(seconds=60, pace=pace).range
    found = [(slo, events) for slo in objectives.slos if (events := events_of(slo, series))]
    groups: list[dict[str, Any]] = []
    owners: dict[str, SLO] = {}
    for slo, events in found:
        identity = identity_of(slo)
        prefix = identity[names.LABEL_SLO_ID]
        if other := owners.get(prefix):
            raise ConflictError(
                f"{objectives.file}: {slo.name} of {slo.service} and {other.name} of {other.service} would both be "
                f"recorded as {prefix}. Rename one of them"
            )
        owners[prefix] = slo
        groups += [
            {"name": f"{prefix}:sli", "rules": short_rules(slo, identity, events, pace)},
            {"name": f"{prefix}:long", "interval": minute, "rules": long_rules(slo, identity, events, pace)},
            {"name": f"{prefix}:meta", "rules": meta_rules(slo, identity)},
            {"name": f"{prefix}:alerts", "rules": burn_alerts(slo, identity, events, pace)},
        ]
    for service, alerts in absent_alerts(found, series, pace).items():
        groups.append({"name": f"tailgate-{service}:absent", "rules": alerts})
    return {"groups": groups}


def left_out(objectives: Objectives) -> tuple[str, ...]:
    """The names of the objectives that have no rules: those on Web Vitals where a run alone measures them."""
    series = series_of(objectives.metrics)
    return tuple(slo.name for slo in objectives.slos if events_of(slo, series) is None)
