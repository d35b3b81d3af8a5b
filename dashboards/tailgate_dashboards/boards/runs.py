"""What load generators tell of their runs, narrowed to the runs that the reader chose."""

from tailgate_otel import names

from ..series import select
from .promql import RATE, Distribution, during, summed
from .service import Service


def response_time(run: str, *matchers: str, shift: str = "") -> Distribution:
    """Response times that load generators saw in those runs."""
    return Distribution(name=names.LOAD_RESPONSE_TIME, matchers=matchers, given=during(run, shift), shift=shift)


def chosen_route(service: Service) -> tuple[str, ...]:
    """What narrows a run's series to the chosen routes; others' services may call theirs otherwise."""
    return (f'{names.LABEL_ROUTE}=~"$route"',) if service.own else ()


def of_run(expr: str) -> str:
    """Series of a load generator, of the chosen runs."""
    return expr + during("$run")


def counted(counter: str, *by: str, matchers: tuple[str, ...] = ()) -> str:
    """How fast one of its counters grows, per second."""
    return summed(of_run(f"rate({select(f'{counter}_total', *matchers)}[{RATE}])"), *by)
