"""Files of Sloth and of Pyrra become objectives of ours, and what is lost is named by its place."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tailgate_slo import SloError, parse
from tailgate_slo.importing import Imported, Taken, import_files
from tailgate_slo.importing.notes import as_name
from tailgate_slo.model import Ratio, Raw

TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co"), include_characters="\n"), max_size=200)
SLOTH = """\
version: "prometheus/v1"
service: shop
labels: {owner: checkout}
slos:
  - name: Requests_Availability
    objective: 99.95
    description: Nobody is sent away.
    sli:
      events:
        error_query: sum(rate(http_requests_total{job="shop",code=~"5.."}[{{ .window }}]))
        total_query: |
          sum(
            rate(http_requests_total{job="shop"}[{{.window}}])
          )
    alerting:
      name: ShopAvailability
      labels: {category: availability}
      annotations:
        runbook: https://wiki.example.org/shop
        summary: Too many errors.
      page_alert: {labels: {team: shop}}
      ticket_alert: {disable: true}
  - name: wifi
    objective: 99
    sli: {raw: {error_ratio_query: "1 - avg_over_time(wifi_up[{{.window}}])"}}
  - name: plugged
    objective: 99
    sli: {plugin: {id: sloth-common/availability}}
"""
RESOURCE = """\
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: shop-slos, namespace: monitoring}
spec:
  service: shop
  slos:
    - name: latency
      objective: 99.9
      sli:
        events:
          errorQuery: sum(rate(a_count[{{.window}}])) - sum(rate(a_bucket{le="0.4"}[{{.window}}]))
          totalQuery: sum(rate(a_count[{{.window}}]))
      alerting: {pageAlert: {disable: true}}
"""


def pyrra(indicator: str, more: str = "", name: str = "checkout") -> str:
    return f"""\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {{name: {name}, namespace: monitoring}}
spec:
  target: "99.5"
  window: 4w
  indicator:
    {indicator}
{more}
"""


def taken(tmp_path: Path, *texts: str):
    files = []
    for number, text in enumerate(texts):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(text)
    imported = import_files(files)
    objectives = parse(imported.text().encode(), "imported.yaml")
    return objectives.slos, [each.replace(f"{tmp_path}/", "") for each in imported.lost]


def test_an_objective_of_sloth_is_one_of_ours(tmp_path):
    (slo, _), _ = taken(tmp_path, SLOTH)
    assert (slo.name, slo.display_name, slo.service) == ("requests-availability", "Requests_Availability", "shop")
    assert (slo.target, slo.period_days) == (Decimal("0.9995"), 30)
    assert slo.description == "Nobody is sent away."
    assert isinstance(slo.query, Ratio)
    assert slo.query.bad == 'sum(rate(http_requests_total{job="shop",code=~"5.."}[{{.window}}]))'
    assert "".join(slo.query.total.split()) == 'sum(rate(http_requests_total{job="shop"}[{{.window}}]))'
    assert slo.alerting.runbook == "https://wiki.example.org/shop"


def test_a_ratio_that_sloth_is_told_is_told_to_ours(tmp_path):
    (_, slo), _ = taken(tmp_path, SLOTH)
    assert slo.query == Raw(query="1 - avg_over_time(wifi_up[{{.window}}])", failure=True)


def test_everything_that_is_lost_is_named_by_its_place(tmp_path):
    _, lost = taken(tmp_path, SLOTH)
    places = [each.split(" = ")[0].split(": is")[0].split(": has")[0] for each in lost]
    assert places == [
        "0.yaml:3: document 1 (shop), labels",
        "0.yaml:5: document 1 (shop), slos[0].name",
        "0.yaml:16: document 1 (shop), slos[0].alerting.name",
        "0.yaml:17: document 1 (shop), slos[0].alerting.labels",
        "0.yaml:20: document 1 (shop), slos[0].alerting.annotations.summary",
        "0.yaml:21: document 1 (shop), slos[0].alerting.page_alert.labels",
        "0.yaml:22: document 1 (shop), slos[0].alerting.ticket_alert.disable",
        "0.yaml:28: document 1 (shop), slos[2].sli.plugin",
    ]
    assert lost[-1].endswith("Write those as events. It is left out.")


def test_the_resource_of_sloth_spells_its_keys_otherwise(tmp_path):
    (slo,), lost = taken(tmp_path, RESOURCE)
    assert (slo.name, slo.target) == ("latency", Decimal("0.999"))
    assert slo.query.bad.endswith('a_bucket{le="0.4"}[{{.window}}]))')
    assert ["metadata.namespace" in lost[0], "pageAlert.disable" in lost[1], len(lost)] == [True, True, 2]


@pytest.mark.parametrize(
    ("indicator", "query"),
    [
        (
            'ratio: {errors: {metric: \'a_total{job="shop",code=~"5.."}\'}, total: {metric: \'a_total{job="shop"}\'}}',
            Ratio(
                bad='(sum(rate(a_total{job="shop",code=~"5.."}[{{.window}}])) or vector(0))',
                total='sum(rate(a_total{job="shop"}[{{.window}}]))',
            ),
        ),
        (
            'latency: {success: {metric: \'a_bucket{job="shop",le="1"}\'}, total: {metric: \'a_count{job="shop"}\'}}',
            Ratio(
                good='sum(rate(a_bucket{job="shop",le="1"}[{{.window}}]))',
                total='sum(rate(a_count{job="shop"}[{{.window}}]))',
            ),
        ),
        (
            "latencyNative: {latency: 200ms, total: {metric: 'a{job=\"shop\"}'}}",
            Ratio(
                good='histogram_fraction(0, 0.200, sum(rate(a{job="shop"}[{{.window}}])))'
                ' * histogram_count(sum(rate(a{job="shop"}[{{.window}}])))',
                total='histogram_count(sum(rate(a{job="shop"}[{{.window}}])))',
            ),
        ),
        (
            "bool_gauge: {metric: 'up{job=\"shop\"}'}",
            Raw(
                query='1 - sum(sum_over_time(up{job="shop"}[{{.window}}]))'
                ' / sum(count_over_time(up{job="shop"}[{{.window}}]))',
                failure=True,
            ),
        ),
    ],
)
def test_each_indicator_of_pyrra_becomes_the_queries_that_it_means(tmp_path, indicator, query):
    (slo,), lost = taken(tmp_path, pyrra(indicator))
    assert (slo.name, slo.service, slo.target, slo.period_days) == ("checkout", "shop", Decimal("0.995"), 28)
    assert slo.query == query
    assert len(lost) == 1  # the namespace


def test_pyrras_grouping_is_named_and_its_silence_about_missing_data_kept(tmp_path):
    (slo,), lost = taken(
        tmp_path,
        pyrra(
            "ratio: {errors: {metric: e_total}, total: {metric: t_total}, grouping: [handler]}",
            "  alerting: {absent: false, name: Burns}\n",
        ),
    )
    assert not slo.alerting.absent
    assert slo.service == "checkout"  # nothing else names one
    assert [word for word in ("namespace", "grouping", "alerting.name") if not any(word in each for each in lost)] == []


def test_names_that_two_services_share_are_told_apart(tmp_path):
    slos, lost = taken(tmp_path, RESOURCE, RESOURCE.replace("service: shop", "service: Bank"))
    assert [slo.name for slo in slos] == ["shop-latency", "bank-latency"]
    assert any("latency of Bank is called bank-latency" in each for each in lost)
    with pytest.raises(SloError, match="gives a second objective named shop-latency"):
        taken(tmp_path, RESOURCE, RESOURCE)


def test_one_that_is_wrong_is_left_out_and_the_others_are_kept(tmp_path):
    wrong = pyrra("ratio: {errors: {metric: 'sum(a)'}, total: {metric: b}}", name="wrong")
    slos, lost = taken(tmp_path, "\n---\n".join([wrong, "kind: Deployment", RESOURCE]))
    assert [slo.name for slo in slos] == ["latency"]
    assert any("errors.metric = sum(a): names no series" in each and each.endswith("It is left out.") for each in lost)
    assert any("neither of Sloth nor of Pyrra" in each for each in lost)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no objective could be taken over"),
        ("version: prometheus/v1\nservice: a\n", "lacks slos"),
        (SLOTH.replace("99.95", "100").replace("objective: 99\n", "objective: 0\n"), "must lie between 0 and 100"),
        (SLOTH.replace("{{.window}}", "{{.other}}").replace("{{ .window }}", "{{.other}}"), "holds a template"),
        ("a: &b [*b]", "aliases are not read"),
        ("apiVersion: openslo/v1\nkind: SLO\n", "is OpenSLO already"),
        (pyrra("latency: {}", ""), "needs one indicator"),
        (pyrra("bool_gauge: {metric: up}").replace("4w", "90m"), "not a period"),
        (pyrra("latency: {success: {metric: a_bucket}, total: {metric: a_count}}"), "success: names no bucket"),
    ],
)
def test_where_nothing_can_be_taken_over_it_is_said_why(tmp_path, text, message):
    with pytest.raises(SloError, match=message):
        taken(tmp_path, text)


def test_what_was_left_out_is_counted(tmp_path):
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    files[0].write_text(SLOTH)
    files[1].write_text("apiVersion: openslo/v1\nkind: SLO\n---\nkind: Deployment\n")
    assert import_files(files).left_out == 3
    assert import_files(files[:1]).left_out == 1


def test_a_query_without_a_window_is_told_what_becomes_of_it(tmp_path):
    _, lost = taken(tmp_path, RESOURCE.replace("[{{.window}}]", "[5m]"))
    assert sum("has no window: what it says is added up over each, once a minute" in each for each in lost) == 2


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS)
@example(" ", "")
def test_what_is_written_is_read_as_it_was(description, query):
    query += "[{{.window}}]"
    taken = Taken(
        name="a", display_name="a", service="b", description=description, percent=Decimal("99.90"), period_days=7,
        queries={"bad": query, "total": query}, annotations={},
    )  # fmt: skip
    (slo,) = parse(Imported(sources=("x\n.yaml",), objectives=(taken,), lost=()).text().encode(), "b.yaml").slos
    assert (slo.description, slo.query.bad, slo.target) == (description.strip(), query.strip(), Decimal("0.9990"))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SloError, match=r"none.yaml: cannot be read: No such file"):
        import_files([tmp_path / "none.yaml"])


@given(st.text(max_size=200))
def test_what_is_made_of_any_text_is_a_name_of_ours(text):
    name = as_name(text)
    document = f"""\
apiVersion: openslo/v1
kind: SLO
metadata: {{name: "{name}"}}
spec:
  service: a
  indicator: {{spec: {{thresholdMetric: {{metricSource: {{type: tailgate, spec: {{measure: availability}}}}}}}}}}
  objectives: [{{target: 0.9}}]
"""
    assert not name or parse(document.encode(), "named.yaml").slos[0].name == name
