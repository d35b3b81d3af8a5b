"""What tells the records of one objective from those of all others."""

from tailgate_otel import names
from tailgate_slo import SLO

from ..series import equal, select


def identity_of(slo: SLO) -> dict[str, str]:
    """The labels that everything recorded of an objective bears."""
    return {
        names.LABEL_SLO_ID: f"tailgate-{slo.service}-{slo.name}",
        names.LABEL_SLO_SERVICE: slo.service,
        names.LABEL_SLO_NAME: slo.name,
    }


def recorded(metric: str, identity: dict[str, str]) -> str:
    """What is recorded of an objective under a name."""
    return select(metric, equal(names.LABEL_SLO_ID, identity[names.LABEL_SLO_ID]))
