"""How an N+1 grows with the data, in numbers and in the trace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tailgate_otel import Config, Recorder, names
from tailgate_otel.call import QUERY, Call
from tailgate_otel.repetition import Growth, rows_before

COUNTS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), max_size=30)


def call(text: str, rows: int = 0, error: BaseException | None = None) -> Call:
    return Call(text, QUERY, True, 1, 2, rows, error, 0)


def grown(points) -> float | None:
    growth = Growth()
    for rows, times in points:
        growth.add(rows, times)
    return growth.slope


@given(st.sets(st.integers(0, 10_000), min_size=2, max_size=30), st.integers(0, 3), st.integers(0, 50))
def test_on_a_line_the_growth_is_the_slope(rows, queries_a_row, others):
    assert grown((n, queries_a_row * n + others) for n in rows) == queries_a_row


@given(st.integers(0, 100), st.lists(st.integers(0, 100), max_size=10))
def test_of_one_size_there_is_nothing_to_say(rows, times):
    assert grown((rows, n) for n in times) is None


@given(COUNTS)
def test_the_order_of_requests_is_nothing_to_it(points):
    assert grown(points) == grown(reversed(points))


def test_the_rows_are_those_found_before_the_first_repetition():
    one, another = "select n from t where id = 1", "select n from t where id = 2"
    calls = [call("select a", 3), call("select b", 7), call(one, 1), call("select c", 90), call(another, 1)]
    assert rows_before(calls, "select n from t where id = ?") == (7, 2)


def test_what_failed_found_nothing():
    assert rows_before([call("select a", 5, ValueError()), call("select b")], "select b") == (0, 1)


async def test_a_kept_trace_says_how_many_queries_each_row_costs(pool):
    exporter = InMemorySpanExporter()
    recorder = Recorder(Config(service_name="x", metrics_port=0, sample_ratio=0.0), exporter=exporter)
    recorder.start()
    sizes = iter((5, 8, 12))

    async def app(scope, receive, send):
        rows = await pool.fetch("select n from generate_series(1, $1::int) n", next(sizes))
        for row in rows:
            await pool.fetchval("select $1::int as other", row["n"])
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    async def send(_):
        return

    for _ in range(3):
        await recorder.middleware(app)({"type": "http", "method": "GET", "path": "/", "headers": []}, None, send)
    recorder.close()
    found = [span.attributes for span in exporter.get_finished_spans() if names.ATTR_N_PLUS_ONE in span.attributes]
    assert [one[names.ATTR_N_PLUS_ONE_COUNT] for one in found] == [5, 8, 12]
    assert [one[names.ATTR_N_PLUS_ONE_ROWS] for one in found] == [5, 8, 12]
    assert names.ATTR_N_PLUS_ONE_GROWTH not in found[0]
    assert [one[names.ATTR_N_PLUS_ONE_GROWTH] for one in found[1:]] == pytest.approx([1, 1])
