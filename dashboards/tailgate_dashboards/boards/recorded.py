"""What is recorded of objectives, narrowed to those that the reader chose, and what it means."""

from tailgate_otel import names

from ..series import select
from .panel import Color, Level, Meaning
from .promql import largest

BY = (names.LABEL_SLO_SERVICE, names.LABEL_SLO_NAME)
CHOSEN = (f'{names.LABEL_SLO_SERVICE}=~"$service"', f'{names.LABEL_SLO_NAME}=~"$slo"')
LEGEND = f"{{{{{names.LABEL_SLO_NAME}}}}}"
_DAY = 86_400

_CALM, _TICKET, _PAGE = "0", "1", "2"
STATES = (
    Meaning(value=_CALM, text="calm", color=Color.GOOD),
    Meaning(value=_TICKET, text="ticket", color=Color.WORSE),
    Meaning(value=_PAGE, text="page", color=Color.BAD),
)
LEFT = (Level(color=Color.BAD), Level(value=0, color=Color.WORSE), Level(value=0.25, color=Color.GOOD))
# Load tests are left out of the objectives.
UNASKED = "nobody but load tests has asked for anything"


def recorded(metric: str) -> str:
    """A recorded measure of each chosen objective."""
    return largest(select(metric, *CHOSEN), *BY)


def firing(severity: str) -> str:
    """The alerts of a severity that fire."""
    return select("ALERTS", 'alertstate="firing"', f'{names.LABEL_SLO_SEVERITY}="{severity}"', *CHOSEN)


def burn(window: str) -> str:
    """How fast each budget is spent, over a window such as ``1h``: 1 spends it by the period's end."""
    return f"{recorded(names.SLI_ERROR_RATIO + window)} / {recorded(names.SLO_ERROR_BUDGET)}"


def to_exhaustion() -> str:
    """How long each budget that is being spent lasts, in seconds, at the speed of the last hour."""
    left = f"({recorded(names.SLO_BUDGET_REMAINING)} > 0)"
    return f"{left} * {recorded(names.SLO_PERIOD_DAYS)} * {_DAY} / ({burn('1h')} > 0)"


def state() -> str:
    """One of ``STATES`` for each objective."""
    return (
        f"{largest(firing('page'), *BY)} * {_PAGE}"
        f" or {largest(firing('ticket'), *BY)} * {_TICKET}"
        f" or {recorded(names.SLO_INFO)} * {_CALM}"
    )
