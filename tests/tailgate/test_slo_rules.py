"""``tailgate slo rules``: where the rules go, for whom they are written, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.tailgate.conftest import Command

SHOP = Path(__file__).parents[1] / "dashboards" / "golden" / "shop.yaml"


@pytest.fixture
def shop(tailgate: Command) -> Command:
    """In a directory with the shop's objectives."""
    (tailgate.cwd / "slo.yaml").write_text(SHOP.read_text())
    return tailgate


def test_rules_are_written_for_whoever_evaluates_them(shop: Command) -> None:
    done = shop("slo", "rules", "-o", "rules.yaml", "--existing", "slo.rules.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    done = shop("slo", "rules", "-o", "rules.yaml")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no rules" not in done.stderr
    groups = yaml.safe_load((shop.cwd / "rules.yaml").read_text())["groups"]
    # What they themselves wrote before is no other group.
    done = shop("slo", "rules", "--json", "--existing", "rules.yaml")
    assert json.loads(done.stdout)["groups"] == groups
    resource = yaml.safe_load(shop("slo", "rules", "--format", "prometheus-rule").stdout)
    assert (resource["metadata"]["name"], resource["spec"]["groups"]) == ("tailgate-shop", groups)


def test_what_no_prometheus_tells_has_no_rules_and_is_named(tailgate: Command) -> None:
    pages = SHOP.read_text().rpartition("---\n")[2]
    metrics = "apiVersion: tailgate/v1\nkind: Metrics\nmetadata: {name: m}\nspec: {preset: micrometer}\n"
    (tailgate.cwd / "slo.yaml").write_text(f"{pages}---\n{metrics}")
    done = tailgate("slo", "rules", "--json")
    assert (done.returncode, json.loads(done.stdout)["groups"]) == (0, [])
    assert "no rules, since only a run measures them: inbox-lcp" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.yaml",), "none.yaml: cannot be read"),
        (("-o", "nowhere/rules.yaml"), "nowhere/rules.yaml: cannot be written: No such file or directory"),
        (("--existing", "slo.yaml"), "slo.yaml: holds no groups of rules"),
        (("--existing", "sloth.yaml"), "sloth.yaml: the group g records tailgate-shop-backlog already"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    shop: Command, refused: Callable[..., str], arguments: tuple[str, ...], message: str
) -> None:
    rule = {
        "record": "sloth_slo_info",
        "expr": "vector(1)",
        "labels": {"sloth_service": "shop", "sloth_slo": "backlog"},
    }
    (shop.cwd / "sloth.yaml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}))
    assert message in refused("slo", "rules", *arguments)
