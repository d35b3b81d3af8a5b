"""The service's counters, as its metrics page has them."""

from base64 import b64encode
from collections.abc import Iterator
from itertools import cycle

import pytest
from tailgate_loadtest.errors import BundleError, PlanError
from tailgate_loadtest.run.server import QueryCounts, ServerCounters
from tailgate_otel import names

from tests.loadtest.conftest import counters, metrics
from tests.server import Request, Response, Server, Wire


class Page(Server):
    """A metrics page of ``content``; answers bear ``status``, and ``there`` as their location where that is set."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.content = b""
        self.status = 200
        self.there = ""

    @property
    def url(self) -> str:
        return f"{super().url}/metrics"

    def _answer(self, request: Request) -> Response:
        if request.path == "/there":
            return Response(b"there 1")
        return Response(self.content, self.status, {"Location": self.there} if self.there else {})


@pytest.fixture
def page() -> Iterator[Page]:
    with Page() as page:
        yield page


def test_queries_per_request_are_what_came_between_the_moments(page):
    server = ServerCounters(page.url)
    page.content = metrics({"GET /a": {2: 10}, "GET /idle": {1: 3}}).encode()
    server.take("start")
    page.content = metrics({"GET /a": {2: 15, 5: 5}, "GET /idle": {1: 3}, "POST /b": {8: 4}}).encode()
    server.take("end")
    assert server.state == "complete"
    assert not server.errors
    found = ServerCounters.of(server.document()).queries()
    assert found.keys() == {"GET /a", "POST /b"}  # nobody asked for the idle one
    assert (found["GET /a"].requests, found["GET /a"].queries, found["GET /a"].mean) == (10, 35, 3.5)
    assert [found["GET /a"].within(edge) for edge in (1, 2, 4, 8)] == [0, 5, 5, 10]
    assert found["GET /a"].within(3) is None
    assert [found["POST /b"].percentile(q) for q in (0.5, 0.99)] == [8, 8]


def told(visitors, tests):
    load = metrics({"GET /a": tests}).replace("{", f'{{{names.LABEL_SYNTHETIC}="{names.SYNTHETIC_TEST}",')
    return (metrics({"GET /a": visitors}) + load.partition("\n")[2]).encode()


def test_a_load_that_does_not_say_so_counts_though_another_run_once_did(page):
    server = ServerCounters(page.url)
    page.content = told({2: 10}, {8: 7})
    server.take("start")
    page.content = told({2: 30}, {8: 7})
    server.take("end")
    assert (server.queries()["GET /a"].mean, server.queries()["GET /a"].requests) == (2, 20)


def test_where_the_service_tells_load_tests_from_visitors_only_the_load_counts(page):
    server = ServerCounters(page.url)
    page.content = metrics({"GET /a": {2: 10}}).encode()
    server.take("start")
    page.content = told({2: 10, 8: 90}, {2: 5})
    server.take("end")
    assert server.queries()["GET /a"].mean == 2
    assert server.queries()["GET /a"].requests == 5


def test_a_page_that_cannot_be_read_is_noted_and_ends_nothing(page):
    server = ServerCounters(page.url)
    page.content = metrics({}).encode()
    server.take("start")
    for content, status in (
        (b"", 500),
        (b"no metrics {{{ at all", 200),
        (b"\xff\xfe", 200),
        (b"<html>not found</html>", 200),
    ):
        page.content, page.status = content, status
        server.take("end")
    assert server.state == "lost"
    assert len(server.errors) == 4
    assert all("could not be read at the end" in error for error in server.errors)
    assert server.queries() == {}


def test_nothing_listens_there():
    server = ServerCounters("http://127.0.0.1:1/metrics")
    server.take("start")
    assert server.state == "absent"
    assert "Connection refused" in server.errors[0]


def test_no_page_is_no_error():
    server = ServerCounters(None)
    server.take("start")
    assert (server.state, server.errors) == ("absent", [])


def test_what_pages_tell_of_their_visits_is_no_part_of_a_run(page):
    page.content = (
        f"# TYPE {names.WEB_VITAL_LCP} histogram\n"
        f'{names.WEB_VITAL_LCP}_bucket{{page="/a",device="phone",le="2.5"}} 7\n'
        f'{names.PAGE_TIMING}_count{{page="/a",device="phone",timing="shown"}} 7\n'
        f'{names.PAGE_VIEWS}_total{{page="/a",device="phone",navigation="reload"}} 7\n'
    ).encode()
    server = ServerCounters(page.url)
    server.take("start")
    assert [sample[0] for sample in server.moments["start"]["samples"]] == [f"{names.PAGE_VIEWS}_total"]


def test_what_is_not_finite_is_left_out(page):
    page.content = b"a 1\nb NaN\nc +Inf\n"
    server = ServerCounters(page.url)
    server.take("start")
    assert [sample[0] for sample in server.moments["start"]["samples"]] == ["a"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({3: 500}, {3: 200}),
        ({3: 100}, {1: 120}),  # more requests than before, and fewer queries
        ({1: 100}, {9: 120}),  # more of both, and fewer in the first bucket
    ],
)
def test_counters_that_went_down_began_anew(before, after):
    found = ServerCounters.of(counters(start=metrics({"GET /a": before}), end=metrics({"GET /a": after}))).queries()
    assert found["GET /a"].requests == sum(after.values())


def test_the_end_of_the_warm_up_takes_the_place_of_the_start():
    pages = {moment: metrics({"GET /a": {3: n}}) for moment, n in (("start", 0), ("measured", 40), ("end", 100))}
    assert ServerCounters.of(counters(**pages)).queries()["GET /a"].requests == 60


def test_routes_are_told_apart_and_other_labels_are_not():
    text = metrics({"GET /a": {3: 5}}).replace('le="', 'status="200",le="') + "\n"
    both = ServerCounters.of(counters(start="", end=text)).queries()
    assert both["GET /a"].within(4) == 5


def test_a_percentile_past_the_last_edge_has_no_end():
    counts = QueryCounts(requests=10, queries=90, at_most={4.0: 5, float("inf"): 10})
    assert counts.percentile(0.5) == 4
    assert counts.percentile(0.9) == float("inf")


@pytest.mark.parametrize(
    "sample", [["tailgate_queries_per_request_bucket", {}, 1], ["tailgate_queries_per_request_count"], 5]
)
def test_a_damaged_document_is_refused(sample):
    moments = {"start": {"samples": []}, "end": {"samples": [sample]}}
    with pytest.raises(BundleError, match=r"server.json: a sample is damaged"):
        ServerCounters.of(moments).queries()


def test_credentials_are_used_and_never_shown(page):
    page.content = b"a 1"
    host = page.url.removeprefix("http://")
    server = ServerCounters(f"http://alice:pa%2Fss@{host}?token=hush")
    server.take("start")
    (asked,) = page.asked
    assert asked.target == "/metrics?token=hush"
    assert asked.headers["authorization"] == "Basic " + b64encode(b"alice:pa/ss").decode()
    assert server.document()["source"] == page.url
    page.status = 403
    server.take("end")
    assert server.errors == [f"the service's metrics at {page.url} could not be read at the end: it answers 403"]


@pytest.mark.parametrize(
    "url", ["foo", "file:///etc/passwd", "http://", "http://h:99999/", "http://u:hush#@h/", "nowhere?token=hush", ""]
)
def test_what_is_no_address_is_refused_and_no_secret_is_shown(url):
    with pytest.raises(PlanError, match="is no address; give one like") as refused:
        ServerCounters(url)
    assert "hush" not in str(refused.value)


def test_another_path_is_followed_and_another_server_is_not(page):
    page.status, page.there = 307, "/there"
    server = ServerCounters(page.url)
    server.take("start")
    assert [sample[0] for sample in server.moments["start"]["samples"]] == ["there"]
    page.there = "http://bob:hush@127.0.0.2:9/there?token=hush"
    server.take("end")
    assert server.errors[0].endswith("it answers 307, it is at http://127.0.0.2:9: give the address there")


def test_a_page_that_is_too_large_is_not_read_on(page):
    page.content = b"a 1\n" * (3 << 20)
    server = ServerCounters(page.url)
    server.take("start")
    assert server.errors[0].endswith("it is larger than 8 MiB")


def test_of_too_many_samples_the_first_are_kept(page):
    page.content = "".join(f"a{i} 1\n" for i in range(50_010)).encode()
    server = ServerCounters(page.url)
    server.take("start")
    assert len(server.moments["start"]["samples"]) == 50_000
    assert "more than 50000 samples" in server.errors[0]


def test_a_page_that_drips_is_given_up(monkeypatch):
    """Each byte comes in time, and the whole never does."""
    monkeypatch.setattr("tailgate_loadtest.run.page._TIMEOUT", 0.5)

    def drip(_: Request) -> Wire:
        for byte in cycle(b"HTTP/1.1 200 OK and so on "):
            yield bytes((byte,))
            if page.over.wait(0.05):
                return

    with Server(drip) as page:
        server = ServerCounters(f"{page.url}/metrics")
        server.take("start")
    assert server.errors[0].endswith("no whole answer within 0.5 s")
