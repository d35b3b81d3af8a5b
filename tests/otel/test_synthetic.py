"""The requests of load tests are counted apart from those of visitors."""

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tailgate_loadtest.engine.agent import USER_AGENT
from tailgate_otel import Config, Recorder, names
from tailgate_otel.synthetic import Synthetic

HISTOGRAMS = (names.HTTP_SERVER_DURATION, names.QUERIES_PER_REQUEST, names.DB_TIME_PER_REQUEST)
VISITOR = "Mozilla/5.0"


async def answer(request) -> PlainTextResponse:
    return PlainTextResponse("", status_code=int(request.query_params.get("status", "200")))


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder(Config(service_name="shop", budgets={"GET /other": 3, "GET /orders/{id}": 3}, sample_ratio=1))
    yield made
    made.close()


@pytest.fixture
def get(recorder):
    """Asks for an order, as a visitor or with another User-Agent."""
    app = recorder.middleware(Starlette(routes=[Route("/orders/{id}", answer)]))

    async def get(agent: str | None, path: str = "/orders/1") -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            del client.headers["user-agent"]
            await client.get(path, headers={} if agent is None else {"user-agent": agent})

    return get


def counted(recorder: Recorder, metric: str) -> dict[tuple[str, str | None], float]:
    """Template and synthetic type -> requests; None where the label is lacking."""
    samples = [s for family in openmetrics("".join(recorder.text(True)) + "# EOF\n") for s in family.samples]
    found: dict[tuple[str, str | None], float] = {}
    for sample in samples:
        if sample.name == f"{metric}_count":
            key = sample.labels[names.LABEL_ROUTE], sample.labels.get(names.LABEL_SYNTHETIC)
            found[key] = found.get(key, 0) + sample.value
    return found


@pytest.mark.parametrize("metric", HISTOGRAMS)
async def test_a_load_test_has_series_of_its_own_and_visitors_lack_the_label(recorder, get, metric):
    await get(None)
    await get(VISITOR)
    assert counted(recorder, metric) == {("/orders/{id}", None): 2, ("/other", None): 0}
    await get(USER_AGENT)
    await get(f"k6/0.49 ({names.SYNTHETIC_AGENT.upper()}; +https://example.org)")
    await get(USER_AGENT)
    # Series of the other routes begin at 0 with the first request of a load test.
    assert counted(recorder, metric) == {
        ("/orders/{id}", None): 2,
        ("/other", None): 0,
        ("/orders/{id}", "test"): 3,
        ("/other", "test"): 0,
    }


async def test_failures_of_a_load_test_are_told_from_those_of_visitors(recorder, get):
    await get(USER_AGENT, "/orders/1?status=503")
    await get(VISITOR, "/orders/1?status=500")
    text = "".join(recorder.text(True))
    route = 'http_request_method="GET",http_route="/orders/{id}"'
    name = f"{names.HTTP_SERVER_DURATION}_count"
    assert f'{name}{{{route},http_response_status_code="503",user_agent_synthetic_type="test"}} 1\n' in text
    assert f'{name}{{{route},http_response_status_code="503"}} 0\n' in text
    assert f'{name}{{{route},http_response_status_code="500"}} 1\n' in text


async def test_a_status_that_is_none_shares_one_series_of_each_kind(recorder, get):
    for status in (601, 602, 603):
        await get(USER_AGENT, f"/orders/1?status={status}")
    text = "".join(recorder.text(True))
    assert 'http_response_status_code="_OTHER",user_agent_synthetic_type="test"} 3\n' in text


@pytest.mark.parametrize("agent", ["tailgate/1.0", "loadtest", "", "load test", "x" * 70_000, "ÿ\xff"])
def test_nobody_else_is_a_load_test(agent):
    assert not Synthetic()([(b"host", b"load-test"), (b"user-agent", agent.encode("latin-1"))])


def test_what_callers_say_of_themselves_is_remembered_within_bounds():
    synthetic = Synthetic()
    for number in range(2_000):
        assert synthetic([(b"user-agent", f"load-test {number}".encode())])
        assert synthetic([(b"user-agent", b"load-test" + b"x" * 70_000)])
    assert sum(map(len, synthetic._known)) < 70_000
