"""An OpenSLO file becomes objectives, or an error that names the place and the cure."""

import hashlib
from decimal import Decimal

import pytest
from tailgate_slo import Measure, SloError, load, parse
from tailgate_slo.loader import LARGEST_BYTES


def test_a_document_becomes_an_objective(orders, read):
    (slo,) = read(orders).slos
    assert (slo.name, slo.display_name, slo.service, slo.description) == ("orders", "Orders", "shop", "")
    assert (slo.target, slo.period_days) == (Decimal("0.99"), 28)
    assert slo.measure == Measure(kind="latency", route="GET /orders/{id}", threshold=Decimal("0.5"))


def test_a_file_is_named_and_digested(orders, tmp_path):
    path = tmp_path / "slo.yaml"
    path.write_text(orders)
    objectives = load(path)
    assert objectives.file == str(path)
    assert objectives.digest == hashlib.sha256(orders.encode()).hexdigest()


def test_several_objectives_are_named_after_their_targets(orders, read):
    text = orders.replace("            threshold: 500ms\n", "").replace(
        "    - target: 0.99\n",
        """\
    - {displayName: Most orders, op: lte, value: 0.25, target: 0.95}
    - {op: lte, value: 1.5, targetPercent: 99.90}
""",
    )
    first, second = read(text).slos
    assert (first.name, first.display_name) == ("orders-p95", "Most orders")
    assert (first.target, first.measure.threshold) == (Decimal("0.95"), Decimal("0.25"))
    assert (second.name, second.display_name) == ("orders-p99-9", "Orders p99-9")
    assert (second.target, second.measure.threshold) == (Decimal("0.999"), Decimal("1.5"))


@pytest.mark.parametrize(
    ("spec", "measure"),
    [
        ("{measure: availability}", Measure(kind="availability")),
        ("{measure: availability, route: POST /orders}", Measure(kind="availability", route="POST /orders")),
        (
            "{measure: queries, route: GET /orders, threshold: 4}",
            Measure(kind="queries", route="GET /orders", threshold=Decimal(4)),
        ),
        (
            "{measure: vital, vital: lcp, route: /inbox, threshold: 2.5s}",
            Measure(kind="vital", vital="lcp", route="/inbox", threshold=Decimal("2.5")),
        ),
        (
            "{measure: vital, timing: panels_complete, route: /dashboard, threshold: 2s}",
            Measure(kind="vital", timing="panels_complete", route="/dashboard", threshold=Decimal(2)),
        ),
        (
            "{measure: vital, vital: cls, threshold: 0.1}",
            Measure(kind="vital", vital="cls", threshold=Decimal("0.1")),
        ),
        (
            "{measure: latency, route: GET search by name, threshold: 2m}",
            Measure(kind="latency", route="GET search by name", threshold=Decimal(120)),
        ),
    ],
)
def test_every_measure_is_read(orders, read, spec, measure):
    assert read(with_spec(orders, spec)).slos[0].measure == measure


def with_spec(orders, spec):
    head, rest = orders.split("          spec:\n")
    tail = rest[rest.index("  timeWindow") :]
    return f"{head}          spec: {spec}\n{tail}"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{measure: vital, threshold: 1s}", "the keys vital and timing go together. Write vital: lcp, inp, cls"),
        ("{measure: latency, route: GET /, timing: shown, threshold: 1s}", "the keys vital and timing go together"),
        ("{measure: vital, vital: lcp, timing: shown, threshold: 1s}", "needs either vital or timing, not both"),
        ("{measure: vital, timing: lcp, threshold: 1s}", "timing = lcp: a Web Vital is no timing. Write vital: lcp"),
        ("{measure: vital, timing: All shown, threshold: 1s}", "timing = All shown: not a name of a timing. Use at"),
        ("{measure: vital, timing: shown, route: GET /inbox, threshold: 1s}", "a vital's route is a page's path"),
        ("{measure: vital, timing: shown}", "needs its threshold once"),
    ],
)
def test_a_vital_is_one_of_the_five_or_a_moment_that_the_page_marks(orders, read, spec, message):
    with pytest.raises(SloError, match=message):
        read(with_spec(orders, spec))


def test_a_prometheus_source_has_no_measure(orders, read):
    head, rest = orders.split("      thresholdMetric:\n")
    query = "{metricSource: {type: Prometheus, spec: {query: 'sum(rate(x[5m]))'}}}"
    ratio = f"      ratioMetric: {{counter: true, good: {query}, total: {query}}}\n"
    assert read(head + ratio + rest[rest.index("  timeWindow") :]).slos[0].measure is None


def test_an_indicator_and_a_data_source_may_stand_in_documents_of_their_own(orders, read):
    head, rest = orders.split("  indicator:\n")
    tail = rest[rest.index("  timeWindow") :]
    sli = """\
        apiVersion: openslo/v1
        kind: SLI
        metadata: {name: fast, labels: {team: [a, b], tier: one}, annotations: {x/y: z}}
        spec:
          thresholdMetric:
            metricSource:
              metricSourceRef: ours
              spec: {measure: availability}
        """
    source = """\
        apiVersion: openslo/v1
        kind: DataSource
        metadata: {name: ours}
        spec: {type: tailgate, connectionDetails: {}}
        """
    objectives = read(f"{head}  indicatorRef: fast\n{tail}", sli, source)
    assert objectives.slos[0].measure == Measure(kind="availability")


def test_alert_documents_are_read_past_by_name(orders, read):
    policy = "apiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {name: OnCall}\nspec: {anything: [goes]}\n"
    assert read(orders, policy).ignored == ("AlertPolicy OnCall",)


def test_the_window_is_thirty_days_when_none_is_written(orders, read):
    text = orders.replace("  timeWindow:\n    - duration: 28d\n      isRolling: true\n", "")
    assert read(text).slos[0].period_days == 30


SERVICE = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: shop}\nspec: {}\n"

WRONG = [
    (
        "kind: SLO",
        "kind: SLOO",
        r":2: document 1 \(SLOO orders\), kind = SLOO: .* Did you mean SLO\?",
    ),
    ("openslo/v1", "openslo/v2", r":1: .*apiVersion = openslo/v2: unknown value. Did you mean openslo/v1\?"),
    ("  service:", "  servce:", r":7: .*spec\.servce = shop: unknown key. Did you mean service\?"),
    ("  service: shop\n", "", r"spec: lacks service"),
    (
        "name: orders\n",
        "name: Orders!\n",
        r":4: .*metadata\.name = Orders!: not a name. Use at most 63",
    ),
    ("target: 0.99", "target: 99", r":22: .*spec\.objectives\[0\]\.target = 99: must lie between 0 and 1"),
    ("target: 0.99", "target: 1", r"must lie between 0 and 1"),
    ("target: 0.99", "target: 0", r"must lie between 0 and 1"),
    ("target: 0.99", "target: 99%", r"target = 99%: not a number. Write a plain decimal number, as in 0\.99"),
    ("target: 0.99", "target: .inf", r"not a number"),
    ("target: 0.99", "target: 0.9999999999999", r"more digits than are kept\. Write 12 at the most on either side"),
    ("target: 0.99", "target: [0.99]", r"target: must be a single value"),
    ("target: 0.99", "{target: 0.9, targetPercent: 90}", r"needs either target or targetPercent"),
    ("target: 0.99", "displayName: x", r"needs either target or targetPercent"),
    (
        "target: 0.99",
        "{target: 0.9, timeSliceTarget: 0.9}",
        r"timeSliceTarget = 0.9: not supported",
    ),
    ("target: 0.99", "{target: 0.9, op: lte}", r"op and value go together"),
    (
        "target: 0.99",
        "{target: 0.9, op: lte, value: 1}",
        r"needs its threshold once. Write",
    ),
    (
        "target: 0.99",
        "{target: 0.9, op: gte, value: 1}",
        r"op = gte: not supported. A smaller",
    ),
    ("            threshold: 500ms\n", "", r"needs its threshold once"),
    (
        "threshold: 500ms",
        "threshold: 500",
        r":16: .*threshold = 500: not a duration. Write a number",
    ),
    ("threshold: 500ms", "threshold: 0s", r"must be more than nothing"),
    ("threshold: 500ms", "treshold: 500ms", r"treshold = 500ms: unknown key. Did you mean threshold\?"),
    ("measure: latency", "measure: latancy", r"measure = latancy: unknown value. Did you mean latency\?"),
    ("            route: GET /orders/{id}\n", "", r"latency needs a route. Write route: METHOD template"),
    (
        "route: GET /orders/{id}",
        "route: /orders/{id}",
        r":15: .*not a route. Write .* GET /orders/\{id\}",
    ),
    ("route: GET /orders/{id}", "route: get /orders", r"not a route. Write GET /orders"),
    ("route: GET /orders/{id}", "route:", r"latency needs a route"),
    ("route: GET /orders/{id}", 'route: "GET /a\\nb"', r"not a route"),
    ("measure: latency", "measure: queries", r"threshold = 500ms: not a number"),
    ("measure: latency", "measure: availability", r"availability has no threshold"),
    ("measure: latency", "measure: vital", r"measure: vital and the keys vital and timing go together"),
    ("type: tailgate", "type: Datadog", r"type = Datadog: unknown value. Known: Prometheus, tailgate"),
    ("          type: tailgate\n", "", r"lacks type. Write type: tailgate"),
    ("type: tailgate", "metricSourceRef: ours", r"the file has no DataSource of that name"),
    ("thresholdMetric", "ratioMetric", r"ratioMetric.metricSource: unknown key"),
    ("  indicator:", "  indicatorRef: x\n  indicator:", r"needs either indicator or indicatorRef"),
    ("duration: 28d", "duration: 1M", r"duration = 1M: not a period. Months, quarters and years differ"),
    ("isRolling: true", "isRolling: false", r"isRolling = false: not supported. Only rolling windows"),
    ("isRolling: true", "isRolling: yes", r"isRolling = yes: unknown value. Known: false, true"),
    ("isRolling: true", "calendar: {timeZone: UTC}", r"calendar: not supported. Only rolling windows"),
    ("    - duration: 28d\n      isRolling: true\n", "    []\n", r"timeWindow: must not be empty"),
    ("budgetingMethod: Occurrences", "budgetingMethod: Timeslices", r"= Timeslices: not supported"),
    ("  objectives:\n    - target: 0.99\n", "  objectives: {}\n", r"objectives: must be a list"),
    ("  objectives:\n    - target: 0.99\n", "  objectives:\n", r"spec: lacks objectives"),
    ("spec:\n  service", "spec: []\nx:\n  service", r"x: unknown key"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG, ids=[f"{new[:40]!r}" for _, new, _ in WRONG])
def test_what_is_wrong_is_named_with_its_place_and_cure(orders, read, old, new, message):
    assert old in orders
    with pytest.raises(SloError, match=message) as caught:
        read(orders.replace(old, new, 1))
    assert str(caught.value).startswith("slo.yaml:")


def test_a_wrong_place_is_also_there_for_programs(orders, read):
    with pytest.raises(SloError) as caught:
        read(SERVICE, orders.replace("0.99", "99"))
    error = caught.value
    assert (error.file, error.line, error.document, error.title) == ("slo.yaml", 27, 2, "SLO orders")
    assert (error.path, error.value) == ("spec.objectives[0].target", "99")


def test_of_each_document_that_is_wrong_the_first_mistake_is_named(orders, read):
    wrong, right, unknown = (orders.replace("name: orders", f"name: {name}") for name in ("wrong", "right", "unknown"))
    with pytest.raises(SloError) as caught:
        read(wrong.replace("0.99", "99"), right, unknown.replace("0.99", "nearly all"))
    first, third = str(caught.value).splitlines()
    assert "document 1" in first
    assert "document 3" in third
    assert [error.document for error in caught.value.errors] == [1, 3]


def test_a_service_that_the_file_does_not_have_is_an_error_with_the_nearest(orders, read):
    with pytest.raises(SloError, match=r"service = shpo: the file has no Service .* Did you mean shop\?"):
        read(SERVICE, orders.replace("service: shop", "service: shpo"))


def test_an_indicator_that_the_file_does_not_have_is_an_error(orders, read):
    head, rest = orders.split("  indicator:\n")
    with pytest.raises(SloError, match="indicatorRef = fast: the file has no SLI of that name"):
        read(f"{head}  indicatorRef: fast\n" + rest[rest.index("  timeWindow") :])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (SERVICE.replace("spec: {}", "spec: {owner: me}"), r"\(Service shop\), spec\.owner = me: unknown key"),
        (SERVICE.replace("Service", "SLI"), r"\(SLI shop\), spec: needs either thresholdMetric or ratioMetric"),
        (SERVICE.replace("Service", "DataSource"), r"\(DataSource shop\), spec: lacks type"),
    ],
)
def test_a_document_that_nothing_refers_to_is_checked_too(orders, read, document, message):
    with pytest.raises(SloError, match=message):
        read(orders, document)


def test_words_for_people_may_be_empty(orders, read):
    text = orders.replace("  displayName: Orders\n", '  displayName: ""\n  labels: {team: ""}\n')
    (slo,) = read(text.replace("  service: shop\n", '  service: shop\n  description: ""\n')).slos
    assert (slo.display_name, slo.description) == ("orders", "")


def test_a_name_given_twice_is_an_error(orders, read):
    with pytest.raises(SloError, match=r"^slo\.yaml:24: document 2 .*: document 1 is a SLO of the same name"):
        read(orders, orders)


def test_two_objectives_that_would_bear_one_name_are_an_error(orders, read):
    with pytest.raises(SloError, match="gives a second objective named orders-p99"):
        read(orders + "    - target: 0.990\n")


@pytest.mark.parametrize("data", [b"", b"---\n---\n", SERVICE.encode()])
def test_a_file_without_objectives_is_an_error(data):
    with pytest.raises(SloError, match="holds no document of kind SLO"):
        parse(data, "slo.yaml")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: \xff\n", "not UTF-8 at byte 3"),
        (b"#" * (LARGEST_BYTES + 1), "larger than 1024 KiB"),
        (b"just text\n", "must be a mapping"),
        (b"- a\n", "must be a mapping"),
        (b"{}\n", "lacks apiVersion, kind, metadata"),
    ],
)
def test_bytes_that_are_no_objectives_file_are_an_error(data, message):
    with pytest.raises(SloError, match=message):
        parse(data, "slo.yaml")


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    for path, reason in (
        (tmp_path / "none.yaml", "No such file"),
        (tmp_path, "Is a directory"),
        ("a\0b", "null byte"),
    ):
        with pytest.raises(SloError, match=f"cannot be read: .*{reason}"):
            load(path)
