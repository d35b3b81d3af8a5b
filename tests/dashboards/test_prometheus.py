"""The client of Prometheus's API: what a real one answers is read, anything else is an error with a cure."""

import json
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tailgate_dashboards.errors import OverloadError, PrometheusError, RefusedError
from tailgate_dashboards.prometheus import Prometheus
from tailgate_dashboards.prometheus.values import read_labels, read_lines, read_samples

from tests.dashboards.past import DURATION, END, RESTART, ROUTE
from tests.dashboards.servers import needs_prometheus
from tests.server import HEAD, Response, Server


@pytest.fixture
def standin() -> Iterator[Server]:
    """Answers whatever a test wants."""
    with Server(Response()) as standin:
        yield standin


@needs_prometheus
@pytest.mark.xdist_group("past")
class TestARealOne:
    def test_a_moment_is_a_sample_of_each_series(self, past_url):
        found = Prometheus(past_url + "/").query(f"{DURATION}_count{{{ROUTE}}}", at=RESTART - 60)
        assert {sample.labels["http_response_status_code"] for sample in found} == {"200", "503"}
        assert all(sample.at == RESTART - 60 for sample in found)
        (scalar,) = Prometheus(past_url).query("1 / 0")
        assert (scalar.labels, scalar.value) == ({}, math.inf)

    def test_a_range_is_a_line_of_each_series(self, past_url):
        (line,) = Prometheus(past_url).query_range(f"sum({DURATION}_count)", RESTART, RESTART + 480, 120)
        assert line.times == tuple(RESTART + 120.0 * i for i in range(5))
        assert [after - before for before, after in pairwise(line.values)] == [120.0] * 4

    def test_series_and_values_of_labels_are_listed(self, past_url):
        client = Prometheus(past_url)
        assert len(client.series(f"{DURATION}_bucket", END - 600, END)) == 6
        assert client.label_values("http_route", f"{DURATION}_count") == ["/orders/{id}"]
        assert client.label_values("no_such_label") == []

    def test_what_it_refuses_is_told_in_its_own_words(self, past_url):
        with pytest.raises(RefusedError, match=r"answers 400: bad_data: .*parse error"):
            Prometheus(past_url).query("sum(")
        with pytest.raises(OverloadError, match="maximum resolution"):
            Prometheus(past_url).query_range("up", 0, END, 1)


@pytest.mark.parametrize("url", ["", "prometheus:9090", "ftp://a", "http://", "http://a:0", "http://a?b", "http://[a"])
def test_an_address_that_is_none_is_refused_at_once(url):
    with pytest.raises(PrometheusError, match="no address of a Prometheus"):
        Prometheus(url)


@pytest.mark.parametrize(
    "url", ["http://me:se/cret@h", "http://me:se#cret@h", "http://h/?token=secret", "h:1?a@secret"]
)
def test_what_is_no_address_is_not_shown_where_a_secret_may_be_in_it(url):
    with pytest.raises(
        PrometheusError, match=r"write / \? # and @ in a user name or password as %2F %3F %23 and %40"
    ) as caught:
        Prometheus(url)
    assert "cret" not in str(caught.value)


def test_credentials_are_sent_and_never_told(standin):
    standin.answer = Response(b"Unauthorized", 401)
    with pytest.raises(PrometheusError, match="answers 401") as caught:
        Prometheus(f"http://me:p%40ss@{standin.host}/prefix/").query("up")
    assert standin.host in str(caught.value)
    assert "p%40ss" not in str(caught.value)
    asked = standin.asked[0]
    assert asked.target == "/prefix/api/v1/query"
    assert asked.body.startswith(b"query=up")
    assert asked.headers["authorization"] == "Basic bWU6cEBzcw=="


def test_a_redirection_is_named_and_not_followed(standin):
    standin.answer = Response(status=302, headers={"Location": "http://you:word@elsewhere.example.org/login?token=1"})
    with pytest.raises(PrometheusError, match=r"answers 302, it is at http://elsewhere.example.org/login\. Give"):
        Prometheus(f"http://me:pass@{standin.host}").query("up")
    assert len(standin.asked) == 1


def test_nobody_there_is_an_error_with_a_cure():
    with pytest.raises(PrometheusError, match=r"cannot be asked: .*refused.* correct the address"):
        Prometheus("http://127.0.0.1:1").query("up")


def test_an_answer_that_never_ends_is_given_up(standin):
    standin.answer = standin.drip
    before = time.monotonic()
    with pytest.raises(OverloadError, match=r"no whole answer within 0.3 s"):
        Prometheus(standin.url, timeout=0.3).query("up")
    assert time.monotonic() - before < 30


def test_an_answer_that_is_too_large_is_given_up(standin, monkeypatch):
    monkeypatch.setattr("tailgate_dashboards.prometheus.client._MAX_BYTES", 1 << 20)
    standin.answer = lambda _: [HEAD, b" " * (2 << 20)]
    with pytest.raises(OverloadError, match="answers more than 1 MiB; ask for less"):
        Prometheus(standin.url).query("up")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"\xff", b"[]", b"{}", b'{"data": null}', b'{"data": {"resultType": "vector"}}',
        b'{"data": {"resultType": "matrix", "result": []}}',
        b'{"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1]}]}}',
        b'{"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "one"]}]}}',
        b'{"data": {"resultType": "vector", "result": [{"metric": {"a": 1}, "value": [1, "1"]}]}}',
        b'{"data": {"resultType": "vector", "result": [1]}}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_answers_otherwise_is_no_prometheus(standin, body):
    standin.answer = Response(body)
    with pytest.raises(PrometheusError, match="what answers there is no Prometheus"):
        Prometheus(standin.url).query("up")


def test_a_native_histogram_is_told_by_its_count(standin):
    vector = {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {"count": "2"}]}]}
    standin.answer = Response(json.dumps({"data": vector}).encode())
    (sample,) = Prometheus(standin.url).query("up")
    assert (sample.at, sample.value) == (1, 2)


KEYS = st.sampled_from(["resultType", "result", "metric", "value", "values", "histogram", "histograms", "count"])
DOCUMENTS = st.recursive(
    st.none() | st.floats() | st.sampled_from(["vector", "matrix", "scalar", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
@example({"resultType": "matrix", "result": [[1]]})
@example({"resultType": "matrix", "result": [{"values": [[1]]}]})
@example({"resultType": "vector", "result": [None]})
@example({"resultType": "scalar", "result": [1]})
def test_no_answer_whatever_breaks_the_reading(document):
    for read in (read_samples, read_lines, read_labels):
        with suppress(ValueError, KeyError, TypeError):
            read(document)
