"""Why a service got worse that knows nothing of Tailgate: by the traces of its stock instrumentation alone."""

import re
import time
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind
from tailgate_loadtest.judge.regression.why.causes import causes
from tailgate_loadtest.judge.regression.why.evidence import Evidence, evidence
from tailgate_loadtest.run.receiver import TraceReceiver

from tests.loadtest.conftest import carry_out, plan_of, steady
from tests.server import Request, Response, Server

ROUTE = "GET /people/{id}"
ORDERS = "SELECT id, total, placed_at FROM orders WHERE person = 4711471147114711"
PERSON = "SELECT * FROM people WHERE email = 'me@example.org'"
VISITOR = """
    from locust import task
    from tailgate_loadtest.engine.http import LoadUser

    class Visitor(LoadUser):
        @task
        def look(self):
            self.client.get("/people/7?token=secret", name="/people/{id}")
"""


class Stock(Server):
    """Answers after a query for a person and ``orders`` for orders, 10 ms each, and traces that as of old."""

    def __init__(self, endpoint: str, orders: int) -> None:
        super().__init__(self._answer)
        self.orders = orders
        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
        self.tracer = self.provider.get_tracer("stock")

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.provider.shutdown()

    def _answer(self, request: Request) -> Response:
        said = {"http.method": "GET", "http.route": "/people/:id", "http.target": request.target}
        with self.tracer.start_as_current_span("GET", kind=SpanKind.SERVER, attributes=said) as span:
            self._ask(PERSON, 12)
            for _ in range(self.orders):
                self._ask(ORDERS, 34)
            span.set_attribute("http.status_code", 200)
        return Response()

    def _ask(self, statement: str, line: int) -> None:
        said = {"db.system": "mysql", "db.statement": statement, "code.filepath": "/app/shop.php", "code.lineno": line}
        with self.tracer.start_as_current_span(statement, kind=SpanKind.CLIENT, attributes=said):
            time.sleep(0.01)


def side(directory: Path, orders: int) -> Evidence:
    directory.mkdir()
    with TraceReceiver() as receiver, Stock(receiver.endpoint, orders) as server:
        plan = plan_of(directory, server.url, VISITOR, steady(rate=40, seconds=2))
        bundle = carry_out(plan, after_load=server.provider.force_flush, traces=receiver.store)
    text = bundle.traces.read_text()
    assert text
    assert not any(secret in text for secret in ("4711471147114711", "me@example.org", "token"))
    return evidence([bundle])[ROUTE]


def undisturbed(directory: Path, orders: int) -> Evidence:
    """A side whose p95 is about its p50, as queries of one length make it; else the machine stood still meanwhile."""
    for attempt in range(5):
        found = side(directory.with_name(f"{directory.name}-{attempt}"), orders)
        if found.splits is not None and found.splits.p95.wait < 1.5 * found.splits.p50.wait:
            break
    return found


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evidence, Evidence]:
    directory = tmp_path_factory.mktemp("sides")
    return undisturbed(directory / "base", orders=1), undisturbed(directory / "candidate", orders=6)


@pytest.mark.parametrize("measure", ["p50", "p95"])
def test_a_repeated_query_is_found_in_the_traces_of_stock_instrumentation(sides, measure):
    # A machine that stood still for a moment may be the larger cause of a p95, and stand first.
    spent, counted = sorted(causes(measure, *sides), key=lambda clause: "more queries" in clause)
    statement = "`SELECT ... FROM orders WHERE person = ?` at shop.php:34 (N+1)"
    assert counted == f"5 more queries a request (2 → 7), all {statement}"
    assert re.search(rf"[:;] database \+\d+ ms, of which {re.escape(statement)} \+\d+ ms", spent)


def test_traces_and_the_clients_clock_agree(sides):
    base, candidate = sides
    assert base.splits is not None
    assert candidate.splits is not None
    assert base.splits.p50.told == 0

    def middle(side: Evidence) -> float:
        lengths = sorted(each.seconds for each in side.traces if each.fair)
        assert len(lengths) > 50
        return lengths[len(lengths) // 2]

    waited = candidate.splits.p50.wait - base.splits.p50.wait
    assert middle(candidate) - middle(base) == pytest.approx(waited, rel=0.25)
