"""What annotations say of alerts, and what Prometheus queries an objective may stand on."""

from decimal import Decimal

import pytest
from tailgate_slo import SloError
from tailgate_slo.model import Alerting, Bound, Ratio, Raw

RUNBOOK = "https://wiki.example.org/orders"


def annotated(orders, annotations):
    return orders.replace("  displayName: Orders\n", f"  displayName: Orders\n  annotations: {annotations}\n")


def service(annotations):
    metadata = f"{{name: shop, annotations: {annotations}}}"
    return f"apiVersion: openslo/v1\nkind: Service\nmetadata: {metadata}\nspec: {{}}\n"


def test_without_annotations_alerts_lead_nowhere_and_a_lack_of_data_is_a_ticket(orders, read):
    assert read(orders).slos[0].alerting == Alerting(runbook=None, board=None, minimum_events=0, page=True, absent=True)


def test_annotations_say_what_alerts_lead_to_and_when_they_are_silent(orders, read):
    said = (
        f"{{tailgate/runbook: {RUNBOOK}, tailgate/board: 'http://grafana/d/x?a=1', tailgate/minimum-events: 100, "
        "tailgate/page: off, tailgate/absent: off, owner: orders}"
    )
    assert read(annotated(orders, said)).slos[0].alerting == Alerting(
        runbook=RUNBOOK, board="http://grafana/d/x?a=1", minimum_events=100, page=False, absent=False
    )


def test_what_a_service_says_holds_where_its_objective_is_silent(orders, read):
    said = service(f"{{tailgate/runbook: {RUNBOOK}, tailgate/minimum-events: 100, tailgate/page: off}}")
    (slo,) = read(said, annotated(orders, "{tailgate/minimum-events: 0, tailgate/page: on}")).slos
    assert slo.alerting == Alerting(runbook=RUNBOOK, minimum_events=0)


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        (
            "{tailgate/run-book: x}",
            r"annotations\.tailgate/run-book = x: unknown annotation. Did you mean tailgate/run",
        ),
        ("{tailgate/runbook: orders}", "not an address. Write it whole"),
        ("{tailgate/board: 'javascript:alert(1)'}", "not an address"),
        ("{tailgate/minimum-events: many}", "not a number"),
        ("{tailgate/page: never}", "unknown value. Known: off, on"),
        ("{tailgate/absent: page}", "unknown value. Known: off, ticket"),
    ],
)
def test_what_is_wrong_in_an_annotation_is_named_with_its_cure(orders, read, annotations, message):
    with pytest.raises(SloError, match=message):
        read(annotated(orders, annotations))
    with pytest.raises(SloError, match=message):
        read(service(annotations), orders)


def source(query):
    return f"{{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}"


@pytest.mark.parametrize(
    ("metric", "query"),
    [
        (f"ratioMetric: {{bad: {source('b')}, total: {source('t')}}}", Ratio(total="t", bad="b")),
        (
            f"ratioMetric: {{counter: true, good: {source('g')}, total: {source('t')}}}",
            Ratio(total="t", good="g", counter=True),
        ),
        (f"ratioMetric: {{raw: {source('r')}, rawType: success}}", Raw(query="r", failure=False)),
        (f"ratioMetric: {{raw: {source('r')}, rawType: failure}}", Raw(query="r", failure=True)),
        (f"thresholdMetric: {source('x')}", Bound(query="x", op="gte", value=Decimal("0.5"))),
    ],
)
def test_a_query_is_read_as_what_it_tells(orders, read, metric, query):
    head, rest = orders.split("      thresholdMetric:\n")
    text = head + f"      {metric}\n" + rest[rest.index("  timeWindow") :]
    if isinstance(query, Bound):
        text = text.replace("- target: 0.99", "- {target: 0.99, op: gte, value: 0.5}")
    (slo,) = read(text).slos
    assert (slo.measure, slo.query) == (None, query)
