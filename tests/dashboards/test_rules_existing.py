"""What other rule groups record already is not recorded again."""

import pytest
import yaml
from tailgate_dashboards.errors import ConflictError, RuleFileError
from tailgate_dashboards.rules import compile_rules, refuse_recorded, render

SLOTH = {"sloth_id": "shop-orders-p95", "sloth_service": "shop", "sloth_slo": "orders-p95"}
OTHER = {"sloth_id": "shop-cart", "sloth_service": "shop", "sloth_slo": "cart"}
SAME_ID = {"sloth_id": "tailgate-shop-orders-p95"}


def group(labels, *, name="sloth-slo-sli-recordings", kind="record"):
    return {"name": name, "rules": [{kind: "slo:objective:ratio", "expr": "vector(1)", "labels": labels}]}


@pytest.fixture
def write(tmp_path):
    """A file of documents."""

    def write(*documents):
        path = tmp_path / "existing.yaml"
        path.write_text("---\n".join(d if isinstance(d, str) else yaml.safe_dump(d) for d in documents))
        return path

    return write


@pytest.mark.parametrize("labels", [SLOTH, SAME_ID], ids=["its service and name", "its id"])
@pytest.mark.parametrize("operator", [False, True], ids=["rule file", "PrometheusRule"])
def test_an_objective_that_another_group_records_is_refused_by_file_and_group(shop, write, labels, operator):
    groups = {"groups": [group(OTHER), group(labels, name="sloth-slo-orders")]}
    path = write({"apiVersion": "v1"}, {"kind": "PrometheusRule", "spec": groups} if operator else groups)
    with pytest.raises(ConflictError, match=r"existing\.yaml: the group sloth-slo-orders records tailgate-shop-o"):
        refuse_recorded(compile_rules(shop), [path])


def test_other_objectives_alerts_and_our_own_earlier_rules_are_let_be(shop, write):
    rules = compile_rules(shop)
    refuse_recorded(rules, [write({"groups": [group(OTHER), group(SLOTH, kind="alert")]})])
    for form in ("prometheus", "prometheus-rule", "mimir"):
        refuse_recorded(rules, [write(render(rules, form))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no groups of rules"),
        ("- a\n- b\n", "holds no groups of rules"),
        ("groups: [\n", "not YAML"),
        ("a: &a [*a]\ngroups: !!python/object:os.x {}\n", "not YAML"),
        ("[" * 5000, "not YAML"),
    ],
)
def test_what_is_no_rule_file_is_named(shop, write, text, message):
    with pytest.raises(RuleFileError, match=rf"existing\.yaml: {message}"):
        refuse_recorded(compile_rules(shop), [write(text)])


def test_a_missing_file_is_named(shop, tmp_path):
    with pytest.raises(RuleFileError, match=r"nowhere\.yaml: cannot be read: No such file"):
        refuse_recorded(compile_rules(shop), [tmp_path / "nowhere.yaml"])


@pytest.mark.parametrize("groups", ["7", "[7, {name: [a], rules: 7}, {rules: [7, {record: x, labels: 7}]}]", "{a: b}"])
def test_odd_groups_record_nothing(shop, write, groups):
    refuse_recorded(compile_rules(shop), [write(f"groups: {groups}\n")])
