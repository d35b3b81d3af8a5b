"""The alerts of one objective, a page and a ticket or a ticket alone, and that of a service without data."""

from collections.abc import Iterable
from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import SLO
from tailgate_slo.budget import AlertWindow, Severity, alert_windows, error_budget

from ..series import Series, equal, select
from .events import Events
from .identity import recorded
from .recording import Rule, is_added_up
from .severities import is_reported, severities
from .windows import SHORTEST, Window

# Two scrapes may be missed, and a restart takes its time.
_ABSENT_FOR = 2 * SHORTEST
_NAMED = 5


def burn_alerts(slo: SLO, identity: dict[str, str], events: Events, pace: int) -> list[Rule]:
    """For each severity the alert that fires while the budget burns too fast over both windows of either pair."""
    return [_burn_alert(slo, identity, events, severity, pace) for severity in severities(slo)]


def _burn_alert(slo: SLO, identity: dict[str, str], events: Events, severity: Severity, pace: int) -> Rule:
    pairs = [_Pair(slo, identity, events, w, pace) for w in alert_windows(slo.period_days) if w.severity == severity]
    summary = f"{slo.display_name} ({slo.service}): the error budget burns too fast ({severity})"
    left = _number(recorded(names.SLO_BUDGET_REMAINING, identity), "humanizePercentage")
    words = f"Objective: {_percent(slo.target)} good over {slo.period_days} days. {slo.description}"
    description = f"{''.join(pair.said() for pair in pairs)}Left of the error budget: {left}. {_literal(words.strip())}"
    annotations = {"summary": _literal(summary), "description": description}
    if slo.alerting.runbook:
        annotations[names.ANNOTATION_RUNBOOK] = _literal(slo.alerting.runbook)
    if slo.alerting.board:
        annotations[names.ANNOTATION_BOARD] = _literal(slo.alerting.board)
    labels = {**identity, names.LABEL_SLO_SEVERITY: severity, names.LABEL_SEVERITY: severity}
    return {
        "alert": names.ALERT_BURN,
        "expr": "\nor\n".join(pair.burning for pair in pairs),
        # Prometheus expands an alert's labels as well.
        "labels": {name: _literal(value) for name, value in labels.items()},
        "annotations": annotations,
    }


class _Pair:
    """A long and a short window, and what is said when the budget burns over both of them."""

    def __init__(self, slo: SLO, identity: dict[str, str], events: Events, window: AlertWindow, pace: int) -> None:
        self._long = Window(seconds=window.long, pace=pace)
        self._short = Window(seconds=window.short, pace=pace)
        self._identity = identity
        self._budget = f"{error_budget(slo.target):f}"
        self._factor = f"{round(window.factor, 4).normalize():f}"
        self._over_long = self._ratio(self._long)
        if is_added_up(events, self._long):
            # Over a window of which little is known yet, it takes more bad events to have spent that much.
            self._over_long += f" * {self._known()}"
        ratios = (self._ratio(self._short), self._over_long)
        sides = [f"{ratio} > ({self._factor} * {self._budget})" for ratio in ratios]
        least = severities(slo)[window.severity]
        if least and events.counted:
            sides.append(self._enough(events, least))
        self.burning = "(" + "\nand\n".join(sides) + ")"

    def _ratio(self, window: Window) -> str:
        # Without the window label the alert stays the same one while the pair that keeps it firing changes.
        ratio = recorded(names.SLI_ERROR_RATIO + window.name, self._identity)
        return f"max without ({names.LABEL_SLO_WINDOW}) ({ratio})"

    def _known(self) -> str:
        known = recorded(names.SLI_KNOWN + self._long.name, self._identity)
        return f"max without ({names.LABEL_SLO_WINDOW}) ({known})"

    def _enough(self, events: Events, least: int) -> str:
        seconds = f"{self._long.milliseconds / 1_000:g}"
        if not is_added_up(events, self._long):
            return f"on () ({events.over(self._long.range).all} * {seconds} >= {least})"
        # Their mean rate is that of what is known.
        rate = f"avg_over_time({recorded(names.SLI_EVENTS, self._identity)}[{self._long.range}])"
        return f"on ({names.LABEL_SLO_ID}) ({rate} * {self._known()} * {seconds} >= {least})"

    def said(self) -> str:
        """A sentence in an annotation, where this is the pair that fired."""
        fired, over = _query(" ".join(self.burning.split())), self._long.name
        burn = _number(f"{self._over_long} / {self._budget}", "humanize")
        return (
            f"{{{{ if {fired} }}}}Over {over} and {self._short.name} the error budget burns faster than {self._factor} "
            f"times what is allowed; over {over} the burn rate is {burn}. {{{{ end }}}}"
        )


def absent_alerts(found: Iterable[tuple[SLO, Events]], series: Series, pace: int) -> dict[str, list[Rule]]:
    """By service, an alert for each source without whose data objectives of it are blind.

    It is silent while the target is up: one that has not been asked yet may not show what it has not counted.
    That no page was looked at is no lack either.
    """
    blind: dict[str, dict[tuple[str, str], list[str]]] = {}
    shortest, job = Window(seconds=SHORTEST, pace=pace), series.match.get(series.job)
    for slo, events in found:
        if slo.alerting.absent and not is_reported(slo):
            lacking = f"absent({events.over(shortest.range).present})"
            if slo.query is None and job is not None:
                lacking += f"\nunless on ()\n(max({select('up', equal(series.job, job))}) == 1)"
            blind.setdefault(slo.service, {}).setdefault((events.source, lacking), []).append(slo.name)
    return {
        service: [_absent(service, source, lacking, slos, pace) for (source, lacking), slos in sources.items()]
        for service, sources in blind.items()
    }


def _absent(service: str, source: str, lacking: str, objectives: list[str], pace: int) -> Rule:
    severity: Severity = "ticket"
    labels = {
        names.LABEL_SLO_SERVICE: service,
        names.LABEL_ABSENT: source,
        names.LABEL_SLO_SEVERITY: severity,
        names.LABEL_SEVERITY: severity,
    }
    others = len(objectives) - _NAMED
    shown = ", ".join(objectives[:_NAMED]) + (f" and {others} more" if others > 0 else "")
    return {
        "alert": names.ALERT_ABSENT,
        "expr": lacking,
        "for": Window(seconds=_ABSENT_FOR, pace=pace).range,
        "labels": {name: _literal(value) for name, value in labels.items()},
        "annotations": {
            "summary": _literal(f"{service}: no data of {source}"),
            "description": _literal(
                f"Whether these objectives are kept is not known: {shown}. See that the service is up, that Prometheus "
                "scrapes it, and that its metrics still have their names."
            ),
        },
    }


def _percent(target: Decimal) -> str:
    return f"{(target * 100).normalize():f} %"


def _query(expr: str) -> str:
    """A query within a template, in quotes that know no escapes."""
    return "query `" + expr.replace("`", "\\x60") + "`"


def _number(expr: str, shown: str) -> str:
    """The value of a query, as a template shows it."""
    return f"{{{{ with {_query(expr)} }}}}{{{{ . | first | value | {shown} }}}}{{{{ else }}}}unknown{{{{ end }}}}"


def _literal(text: str) -> str:
    """Text that Prometheus, which expands annotations as templates, leaves as it is."""
    return text.replace("{{", '{{"{{"}}')
