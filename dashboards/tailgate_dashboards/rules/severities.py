"""The severities of an objective's alerts, and how many events each of them takes."""

from tailgate_slo import SLO
from tailgate_slo.budget import Severity

_LEAST_VIEWS = 100
"""Page views that a ticket takes, where the objective does not say how many.

Of a hundred, a share of a quarter is known to 8.5 percentage points either way (at 95 %); of ten, to 27.
"""


def is_reported(slo: SLO) -> bool:
    """Whether pages report it, which anybody can do in their place."""
    return slo.measure is not None and slo.measure.kind == "vital"


def severities(slo: SLO) -> dict[Severity, int]:
    """Each severity, the gravest first, with the events that the long window of a pair has to hold for its alert.

    What pages report wakes nobody, whoever sends it. And since their views may be few, its tickets wait for some of
    them, whereas those of requests are what is sent instead of a page.
    """
    least = slo.alerting.minimum_events
    if is_reported(slo):
        return {"ticket": least or _LEAST_VIEWS}
    return {"page": least, "ticket": 0} if slo.alerting.page else {"ticket": 0}
