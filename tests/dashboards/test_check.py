"""Whether a real Prometheus has what objectives need, and what is said when it has not."""

import pytest
from tailgate_dashboards.prometheus import Prometheus
from tailgate_dashboards.prometheus.check import check
from tailgate_slo import parse

from tests.dashboards.past import DURATION, END, FILE, ROUTE, holding
from tests.dashboards.servers import needs_prometheus

pytestmark = [needs_prometheus, pytest.mark.xdist_group("past")]


def finding(url, *, metrics="preset: otel", measure="measure: latency", route="GET /orders/{id}", threshold="300ms"):
    file = f"""\
apiVersion: tailgate/v1
kind: Metrics
metadata: {{name: metrics}}
spec: {{{metrics}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {{name: one}}
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource:
          type: tailgate
          spec: {{{measure}{f', route: "{route}"' if route else ""}{f", threshold: {threshold}" if threshold else ""}}}
  objectives: [{{target: 0.99}}]
"""
    (found,) = check(parse(file.encode(), "shop.yaml"), Prometheus(url))
    return found


def found(url, **given):
    each = finding(url, **given)
    return each.good, each.said


def test_what_is_there_is_found(past_url):
    findings = {each.slo.name: each for each in check(parse(FILE.encode(), "shop.yaml"), Prometheus(past_url))}
    assert {name: each.good for name, each in findings.items()} == {
        "orders": True, "availability": True, "queried": True, "elsewhere": False, "between": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"threshold": "400ms"},
            "no bucket of http_server_request_duration_seconds_bucket ends at 400 ms: the nearest edges are 300 ms",
        ),
        ({"threshold": "2s"}, "ends at 2000 ms: the nearest edges are 1000 ms. Give"),
        ({"threshold": "400ms"}, "300 ms and 500 ms. Give"),
        ({"route": "GET /order/{id}"}, "has no route GET /order/{id}. Did you mean GET /orders/{id}?"),
        ({"measure": "measure: queries", "threshold": "4"}, "there is no series tailgate_queries_per_request_count"),
        (
            {"metrics": "preset: otel, duration: http_server_request_duration_second"},
            "duration_second_count. Did you mean http_server_request_duration_seconds_count?",
        ),
        ({"metrics": "preset: otel, native: true"}, "is there: leave native out"),
        ({"metrics": "preset: otel, match: {job: shop}"}, "has job=shop"),
        ({"metrics": "preset: micrometer"}, "there is no series http_server_requests_seconds_count"),
        ({"metrics": "preset: otel, labels: {route: path}"}, "has no label path; name the route's by labels"),
        ({"metrics": "preset: otel, match: {team: shop}"}, "has team=shop. None has a label team"),
        ({"metrics": "preset: otel, duration: x"}, "there is no series x_count. Name the service's own in kind"),
        (
            {
                "metrics": "preset: otel, labels: {status: code}",
                "measure": "measure: availability",
                "threshold": None,
            },
            "has no label code",
        ),
        ({"metrics": "preset: micrometer", "measure": "measure: queries", "threshold": "4"}, "queries per request"),
    ],
)
def test_what_is_missing_is_named_with_what_is_nearest(past_url, given, said):
    good, words = found(past_url, **given)
    assert good is False
    assert said in words


def test_a_label_of_another_name_and_another_unit_are_read_as_the_file_says(past_url):
    assert found(past_url, metrics="preset: otel, unit: ms", threshold="1ms") == (True, "is there")
    good, said = found(past_url, metrics="preset: otel, unit: ms", threshold="2ms")
    assert not good
    assert "nearest edges are 1 ms." in said
    assert found(past_url, metrics='preset: otel, labels: {method: ""}') == (True, "is there")


def queried(url, *, bad="", good="", total=f"{DURATION}_count"):
    part, query = ("bad", bad) if bad else ("good", good)
    file = f"""\
apiVersion: openslo/v1
kind: SLO
metadata: {{name: one}}
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        {part}: {{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}
        total: {{metricSource: {{type: Prometheus, spec: {{query: 'sum(rate({total}[{{{{.window}}}}]))'}}}}}}
  objectives: [{{target: 0.99}}]
"""
    (found,) = check(parse(file.encode(), "shop.yaml"), Prometheus(url))
    return found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"bad": "sum(rate(x[{{.window}}])"}, "its bad query is refused: "),
        ({"bad": "sum(rate(x[{{.window}}])) by"}, "its bad query is refused: "),
        ({"good": f"sum(rate({DURATION}_bucket{{{{.window}}}}))"}, "its good query is refused: "),
        (
            {"good": f"sum(rate({DURATION}_cuont[{{{{.window}}}}]))"},
            f"all events would count as bad. There is no series {DURATION}_cuont; did you mean {DURATION}_count?",
        ),
        (
            {"bad": "sum(rate(failed_total[{{.window}}]))", "total": "requests"},
            "its total and bad queries have no answer over the last 1h. There is no series requests",
        ),
    ],
)
def test_each_of_an_objectives_own_queries_is_asked(past_url, given, said):
    found = queried(past_url, **given)
    assert found.good is False
    assert said in found.said


def test_a_query_of_failures_may_have_no_answer_yet_and_that_is_told(past_url):
    found = queried(past_url, bad=f'sum(rate({DURATION}_cuont{{a="b"}}[{{{{.window}}}}]))')
    assert found.good is True
    assert "its bad query has no answer, which is right where nothing failed yet" in found.note
    assert f"There is no series {DURATION}_cuont; did you mean {DURATION}_count?" in found.note
    assert queried(past_url, bad=f"sum(rate({DURATION}_count[{{{{.window}}}}]))").note == ""


def test_two_jobs_by_the_same_names_are_told(version, tmp_path):
    jobs = ("blue", "green")
    lines = [f'{DURATION}_count{{{ROUTE},job="{job}",http_response_status_code="200"}} 1 {END}' for job in jobs]
    file = FILE.split("---\n")[1]
    alone = (
        "---\napiVersion: tailgate/v1\nkind: Metrics\nmetadata: {name: m}\nspec: {preset: otel, match: {job: blue}}\n"
    )
    with holding(tmp_path, version, "\n".join([f"# TYPE {DURATION} histogram", *lines, "# EOF", ""])) as server:
        (found,) = check(parse(file.encode(), "shop.yaml"), Prometheus(server.url))
        (told,) = check(parse((file + alone).encode(), "shop.yaml"), Prometheus(server.url))
    assert found.good
    assert found.note == (
        f"2 jobs have {DURATION}_count, and are added up: blue, green; where they are not one service, write match:"
        " {job: blue} in kind: Metrics"
    )
    assert (told.good, told.note) == (True, "")


VIEW = 'page="/inbox",device="phone"'
REPORTED = f"""\
# TYPE tailgate_web_vital_lcp_seconds histogram
tailgate_web_vital_lcp_seconds_bucket{{{VIEW},le="2.0"}} 5 {END}
tailgate_web_vital_lcp_seconds_bucket{{{VIEW},le="2.5"}} 6 {END}
tailgate_web_vital_lcp_seconds_bucket{{{VIEW},le="+Inf"}} 7 {END}
tailgate_web_vital_lcp_seconds_count{{{VIEW}}} 7 {END}
# TYPE tailgate_web_vital_cls histogram
tailgate_web_vital_cls_bucket{{{VIEW},le="0.1"}} 0 {END}
tailgate_web_vital_cls_bucket{{{VIEW},le="+Inf"}} 0 {END}
tailgate_web_vital_cls_count{{{VIEW}}} 0 {END}
# TYPE tailgate_page_timing_seconds histogram
tailgate_page_timing_seconds_bucket{{{VIEW},timing="list_shown",le="2.0"}} 7 {END}
tailgate_page_timing_seconds_bucket{{{VIEW},timing="list_shown",le="+Inf"}} 7 {END}
tailgate_page_timing_seconds_count{{{VIEW},timing="list_shown"}} 7 {END}
# EOF
"""


@pytest.fixture(scope="module")
def pages_url(version, tmp_path_factory):
    """The address of a Prometheus that holds what a page has reported."""
    with holding(tmp_path_factory.mktemp("pages"), version, REPORTED) as server:
        yield server.url


@pytest.mark.parametrize(
    ("of", "page", "threshold"),
    [("vital: lcp", "/inbox", "2.5s"), ("vital: lcp", "", "2s"), ("timing: list_shown", "/inbox", "2s")],
)
def test_what_pages_report_is_found_by_page_timing_and_edge(pages_url, of, page, threshold):
    found = finding(pages_url, measure=f"measure: vital, {of}", route=page, threshold=threshold)
    assert (found.good, found.said, found.note) == (True, "is there", "")


@pytest.mark.parametrize(
    ("of", "page", "threshold", "said"),
    [
        (
            "vital: inp", "/inbox", "200ms",
            "there is no series tailgate_web_vital_inp_seconds_count. Have the service take what its pages measure",
        ),
        ("vital: lcp", "/inbx", "2.5s", "lcp_seconds_count has no page /inbx. Did you mean /inbox?"),
        ("timing: list_shwn", "/inbox", "2s", "has no timing list_shwn of /inbox. Did you mean list_shown?"),
        ("timing: list_shwn", "", "2s", "has no timing list_shwn of any page. Did you mean list_shown?"),
        ("vital: lcp", "/inbox", "2.2s", "ends at 2.2 s: the nearest edges are 2 s and 2.5 s. Give"),
        ("vital: cls", "/inbox", "0.2", "ends at 0.2: the nearest edges are 0.1. Give"),
    ],
)  # fmt: skip
def test_what_pages_do_not_report_is_named_with_what_is_nearest(pages_url, of, page, threshold, said):
    good, words = found(pages_url, measure=f"measure: vital, {of}", route=page, threshold=threshold)
    assert good is False
    assert said in words


def test_a_measure_that_no_view_has_told_yet_is_there_and_that_is_told(pages_url):
    found = finding(pages_url, measure="measure: vital, vital: cls", route="/inbox", threshold="0.1")
    assert found.good is True
    assert found.note == "no view has told it since the service was started: do its pages send what they measure?"


def test_what_only_a_run_tells_is_not_missing(past_url):
    elsewhere = {"metrics": "preset: micrometer", "measure": "measure: vital, vital: lcp"}
    assert found(past_url, **elsewhere, route="/inbox", threshold="2s") == (None, "is answered by runs alone")
