"""Panels of what a recorded process tells of itself."""

from tailgate_otel import names

from .panel import Color, Level, Panel, Query
from .promql import RATE, summed
from .service import Service


def panels(service: Service) -> tuple[Panel, ...]:
    """Processor, memory and traces of each process."""
    kept = service.of(f"{names.TRACES_KEPT}_total")
    # What watches the service tells of its processes by the same names, and all jobs are chosen at first.
    recorded = f" and on ({service.series.job}, {names.LABEL_INSTANCE}) {service.of(names.HTTP_SERVER_ACTIVE)}"
    return (
        Panel(
            title="Processor",
            description="Cores that each process uses. One that is close to 1 has no more to give: a Python process"
            " uses one core. Add processes, or make the routes at the top of the table cheaper.",
            unit="percentunit",
            least=0,
            width=8,
            levels=(Level(color=Color.GOOD), Level(value=0.7, color=Color.WORSE), Level(value=0.95, color=Color.BAD)),
            queries=(
                Query(
                    expr=f"rate({service.of('process_cpu_seconds_total')}[{RATE}]){recorded}",
                    legend=f"{{{{{names.LABEL_INSTANCE}}}}}",
                ),
            ),
        ),
        Panel(
            title="Memory",
            description="Resident memory of each process. A saw's teeth are collections; a slope that never comes"
            " back is a leak: compare it with the number of connections and of hot documents.",
            unit="bytes",
            least=0,
            width=8,
            queries=(
                Query(
                    expr=service.of("process_resident_memory_bytes") + recorded,
                    legend=f"{{{{{names.LABEL_INSTANCE}}}}}",
                ),
            ),
        ),
        Panel(
            title="Traces kept, by reason",
            description="Traces worth keeping: failed, slow, over their budget of queries, with an N+1, and a steady"
            " sample. Where *over the cap* is above zero, there are more than are kept: none of the requests is lost to"
            " the metrics, only to the traces.",
            unit="ops",
            least=0,
            width=8,
            queries=(
                Query(expr=summed(f"rate({kept}[{RATE}])", names.LABEL_REASON), legend=f"{{{{{names.LABEL_REASON}}}}}"),
                Query(
                    expr=summed(f"rate({service.of(f'{names.TRACES_OVER_CAP}_total')}[{RATE}])"), legend="over the cap"
                ),
            ),
        ),
    )
