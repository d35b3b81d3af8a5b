"""The service that the boards look at, under the names that its series have, narrowed to what the reader chose."""

from dataclasses import dataclass, replace
from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import Objectives

from ..series import Series, equal, select, series_of, status_5xx
from . import variables
from .panel import Variable
from .promql import RATE, Distribution, summed


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A service's series. ``own``: tailgate-otel records it, so that it tells of its database and process, too."""

    series: Series
    own: bool

    @property
    def by_route(self) -> tuple[str, ...]:
        """The labels that tell routes apart."""
        return tuple(label for label in (self.series.method, self.series.route) if label is not None)

    @property
    def route_legend(self) -> str:
        """A route, in a legend."""
        return " ".join(f"{{{{{label}}}}}" for label in self.by_route)

    @property
    def requests(self) -> Distribution:
        """How long requests took, in seconds."""
        return Distribution(
            name=self.series.duration,
            native=self.series.native,
            per_unit=self.series.per_second,
            matchers=self._matchers("$traffic"),
        )

    @property
    def tested(self) -> Distribution:
        """How long those of load tests took; where nothing tells them, all."""
        return replace(self.requests, matchers=self._matchers(names.SYNTHETIC_TEST))

    @property
    def queries(self) -> Distribution | None:
        """How many queries a request made."""
        return (
            replace(self.requests, name=self.series.queries, native=False, per_unit=Decimal(1))
            if self.series.queries
            else None
        )

    @property
    def database(self) -> Distribution:
        """How long a request waited for the database, where the service is our own."""
        return replace(self.requests, name=names.DB_TIME_PER_REQUEST)

    def answered(self, *by: str) -> str:
        """Answers per second."""
        return self._answers((), by)

    def failed(self, *by: str) -> str:
        """Those per second that the server is to blame for."""
        return self._answers((status_5xx(self.series.status),), by)

    def of(self, metric: str, *matchers: str) -> str:
        """Series of the chosen jobs and instances, that no route is told of."""
        return select(metric, *self.process(), *matchers)

    def process(self) -> tuple[str, ...]:
        """The matchers of the chosen jobs and instances."""
        return (
            f'{self.series.job}=~"$job"',
            f'{names.LABEL_INSTANCE}=~"$instance"',
            *(equal(label, value) for label, value in self.series.match.items()),
        )

    def variables(self) -> tuple[Variable, ...]:
        """What narrows the service: job, instance, route and, where it can be told, traffic."""
        job = variables.job(self.series)
        return (
            job,
            variables.instance(self.series),
            variables.route(self.series),
            *((variables.TRAFFIC,) if self.series.synthetic else ()),
        )

    def _answers(self, matchers: tuple[str, ...], by: tuple[str, ...]) -> str:
        each = f"rate({select(self.series.statuses, *self.requests.matchers, *matchers)}[{RATE}])"
        counted = self.series.native and self.series.requests is None
        return summed(f"histogram_count({each})" if counted else each, *by)

    def _matchers(self, traffic: str) -> tuple[str, ...]:
        synthetic = (f'{self.series.synthetic}=~"{traffic}"',) if self.series.synthetic else ()
        return (*self.process(), f'{self.series.route}=~"$route"', *synthetic)


def service_of(objectives: Objectives) -> Service:
    """The service that an objectives file is about."""
    return Service(series=series_of(objectives.metrics), own=objectives.metrics.preset == "otel")
