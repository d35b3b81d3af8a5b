"""Service level indicators as PromQL over the metrics that an instrumented service exposes."""

from dataclasses import dataclass
from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import Measure


@dataclass(frozen=True, kw_only=True, slots=True)
class Events:
    """Expressions for the rates of bad and of all events; ``{window}`` stands for the range."""

    bad: str
    all: str

    def over(self, window: str) -> tuple[str, str]:
        """Both expressions over a window such as ``5m``."""
        return self.bad.replace("{window}", window), self.all.replace("{window}", window)


def events_of(measure: Measure | None) -> Events | None:
    """The rates that answer a measure, or None where the service's own metrics cannot."""
    if measure is None or measure.kind == "vital":
        return None
    route = _route_matchers(measure.route)
    if measure.threshold is None:
        count = f"{names.HTTP_SERVER_DURATION}_count"
        # Without a failure since its start a service has no such series; that is none, not unknown.
        failed = _rate(count, [*route, f'{names.LABEL_STATUS}=~"5.."'])
        return Events(bad=f"({failed} or vector(0))", all=_rate(count, route))
    metric = names.HTTP_SERVER_DURATION if measure.kind == "latency" else names.QUERIES_PER_REQUEST
    every = _rate(f"{metric}_count", route)
    good = _rate(f"{metric}_bucket", [*route, _edge(measure.threshold)])
    return Events(bad=f"({every} - {good})", all=every)


def _rate(metric: str, matchers: list[str]) -> str:
    selector = f"{{{','.join(matchers)}}}" if matchers else ""
    return f"sum(rate({metric}{selector}[{{window}}]))"


def _route_matchers(route: str | None) -> list[str]:
    if route is None:
        return []
    method, _, template = route.partition(" ")
    return [equal(names.LABEL_METHOD, method), equal(names.LABEL_ROUTE, template)]


def equal(label: str, value: str) -> str:
    """A matcher that a label has exactly this value."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{label}="{escaped}"'


def _edge(threshold: Decimal) -> str:
    """The bucket that ends at the threshold. Some clients write a whole number as 1, others as 1.0."""
    text = repr(float(threshold))
    whole = text.removesuffix(".0")
    return f'{names.LABEL_LE}="{text}"' if whole == text else f'{names.LABEL_LE}=~"{whole}([.]0)?"'
