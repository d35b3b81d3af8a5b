"""What is marked on every board: when a load test ran, and when somebody was paged."""

from dataclasses import dataclass

from tailgate_otel import names

from ..series import select
from .panel import Color


@dataclass(frozen=True, kw_only=True, slots=True)
class Regions:
    """The times at which a series is there; ``text`` holds its labels in double braces."""

    name: str
    expr: str
    text: str
    color: Color
    empty: str


# A run tells a Grafana of itself when it is given one. Without, it is seen by its metrics.
ANNOTATIONS = (
    Regions(
        name="Load tests, by their metrics",
        expr=select(names.RUN_INFO, f'{names.LABEL_RUN_ID}=~"$run"'),
        text=f"{{{{{names.LABEL_PROFILE}}}}} of {{{{{names.LABEL_HOST}}}}}: {{{{{names.LABEL_RUN_ID}}}}}",
        color=Color.PLAIN,
        empty="no load test is running",
    ),
    Regions(
        name="Pages",
        expr=select("ALERTS", 'alertstate="firing"', f'{names.LABEL_SLO_SEVERITY}="page"'),
        text=f"{{{{{names.LABEL_SLO_SERVICE}}}}}: {{{{{names.LABEL_SLO_NAME}}}}}",
        color=Color.BAD,
        empty="nobody is paged",
    ),
)
