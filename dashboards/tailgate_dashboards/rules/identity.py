"""What tells the records of one objective from those of all others."""

from tailgate_otel import names
from tailgate_slo import SLO

from ..series import equal, select
from .severities import is_reported


def identity_of(slo: SLO) -> dict[str, str]:
    """The labels that everything recorded of an objective bears; what pages report says so by one more."""
    reported = {names.LABEL_SOURCE: names.SOURCE_BEACON} if is_reported(slo) else {}
    return {
        names.LABEL_SLO_ID: f"tailgate-{slo.service}-{slo.name}",
        names.LABEL_SLO_SERVICE: slo.service,
        names.LABEL_SLO_NAME: slo.name,
        **reported,
    }


def recorded(metric: str, identity: dict[str, str]) -> str:
    """What is recorded of an objective under a name."""
    return select(metric, equal(names.LABEL_SLO_ID, identity[names.LABEL_SLO_ID]))
