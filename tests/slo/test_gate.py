"""How runs are judged, as a document of kind Gate says."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tailgate_loadtest.run import brake
from tailgate_slo import Gate, SloError, parse
from tailgate_slo.model import ACCEPTABLE, Abort, Accept, Decision, Tolerance

PAGE = (Path(__file__).parents[2] / "docs" / "objectives.md").read_text()
SHOWN = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

FULL = """\
apiVersion: tailgate/v1
kind: Gate
metadata: {name: smoke}
spec:
  profile: smoke
  weights: {orders: 2.5}
  keys: [orders]
  minimumSamples: 300
  tolerance: {relative: 0.1, absolute: 5ms}
  abort: {errorRatio: 0.2, for: 10s}
  decision: {quantile: 0.99, adopt: {below: 500ms, faster: 0.5}, keep: {within: 0.2}}
  accept:
    - {route: GET /orders, measure: latency, bound: 0.15, until: 2030-01-31, why: a join that is worth it}
"""
EVERY = "apiVersion: tailgate/v1\nkind: Gate\nmetadata: {name: every}\nspec: {minimumSamples: 7}\n"


def test_a_gate_is_read_whole(orders, read):
    assert read(orders, FULL).gate("smoke") == Gate(
        name="smoke",
        profile="smoke",
        weights={"orders": Decimal("2.5")},
        keys=("orders",),
        minimum_samples=300,
        tolerance=Tolerance(relative=Decimal("0.1"), absolute=Decimal("0.005")),
        abort=Abort(error_ratio=Decimal("0.2"), for_seconds=Decimal(10)),
        decision=Decision(
            quantile=Decimal("0.99"),
            adopt_below=Decimal("0.5"),
            adopt_faster=Decimal("0.5"),
            keep_within=Decimal("0.2"),
        ),
        accept=(
            Accept(
                route="GET /orders",
                measure="latency",
                bound=Decimal("0.15"),
                until=date(2030, 1, 31),
                why="a join that is worth it",
            ),
        ),
    )


def test_the_most_specific_gate_judges(orders, read):
    objectives = read(orders, EVERY, FULL)
    assert objectives.gate("smoke").name == "smoke"
    assert objectives.gate("load").name == "every"


def test_a_file_without_a_gate_for_a_profile_has_the_defaults(orders, read):
    gate = read(orders, FULL).gate("load")
    assert gate == Gate(profile="load")
    assert gate.tolerance == Tolerance(relative=Decimal("0.05"), absolute=Decimal("0.002"))
    assert gate.abort is None


def test_an_objective_without_a_weight_weighs_one(orders, read):
    gate = read(orders, FULL).gate("smoke")
    assert (gate.weight("orders"), gate.weight("another")) == (Decimal("2.5"), 1)


def test_an_accepted_regression_expires_after_its_day(orders, read):
    (entry,) = read(orders, FULL).gate("smoke").accept
    assert entry.holds(date(2030, 1, 31))
    assert not entry.holds(date(2030, 2, 1))


def test_two_gates_for_one_profile_are_an_error(orders, read):
    with pytest.raises(SloError, match="gate smoke already judges profile smoke"):
        read(orders, FULL, FULL.replace("name: smoke", "name: again"))
    with pytest.raises(SloError, match="gate every already judges every profile"):
        read(orders, EVERY, EVERY.replace("name: every", "name: again"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "weights: {orders",
            "weights: {order",
            r"weights\.order = 2\.5: the file has no objective order. Did you",
        ),
        (
            "keys: [orders]",
            "keys: [ordres]",
            r"keys\[0\] = ordres: .* Did you mean orders\?",
        ),
        ("minimumSamples: 300", "minimumSamples: 2.5", r"minimumSamples = 2\.5: must be a whole number"),
        ("minimumSamples: 300", "minimumSamples: -1", r"must be at least 0"),
        (
            "minimumSamples",
            "minimumSample",
            r"unknown key. Did you mean minimumSamples\?",
        ),
        ("absolute: 5ms", "absolute: 5", r"tolerance\.absolute = 5: not a duration"),
        ("errorRatio: 0.2", "errorRatio: 20", r"abort\.errorRatio = 20: must lie between 0 and 1"),
        (", for: 10s", "", r"abort: lacks for"),
        ("below: 500ms, ", "", r"decision\.adopt: lacks below"),
        ("2030-01-31", "31.1.2030", r"accept\[0\]\.until = 31\.1\.2030: not a day. Write year-month-day"),
        (", why: a join that is worth it", "", r"accept\[0\]: lacks why"),
        ("measure: latency", "measure: letancy", r"unknown value. Did you mean latency\?"),
        ("kind: Gate", "kind: Gates", r"kind = Gates: unknown value. Did you mean Gate\?"),
    ],
)
def test_what_is_wrong_in_a_gate_is_named_with_its_cure(orders, read, old, new, message):
    assert old in FULL
    with pytest.raises(SloError, match=rf"^slo\.yaml:\d+: document 2 .*{message}"):
        read(orders, FULL.replace(old, new))


@pytest.fixture
def shown() -> str:
    """The gate on the page about objectives."""
    (found,) = [each for each in SHOWN if "kind: Gate" in each]
    return found


@pytest.fixture
def rows() -> dict[str, tuple[str, str]]:
    """Of the table there each key, with what it says and what holds without it."""
    table = PAGE[PAGE.index("| key of `spec` |") :].partition("\n\n")[0]
    return {key: (says, without) for key, says, without in re.findall(r"(?m)^\| `(\w+)` \| (.*) \| (.*) \|$", table)}


def test_the_gate_on_the_page_says_everything_that_a_gate_can(shown):
    gate = parse(f"{SHOWN[0]}---\n{shown}".encode(), "slo.yaml").gate("load")
    assert [name for name in Gate.__slots__ if getattr(gate, name) == getattr(Gate(), name)] == []
    assert [name for name in Tolerance.__slots__ if getattr(gate.tolerance, name) == getattr(Tolerance(), name)] == []


def test_every_key_of_the_gate_on_the_page_is_explained_there(shown, rows):
    spec = yaml.safe_load(shown)["spec"]
    assert rows.keys() == spec.keys()
    for key, value in spec.items():
        for each in value if isinstance(value, list) else [value]:
            within = set(each) if isinstance(each, dict) and key != "weights" else set()
            unsaid = {word for word in within - {"adopt", "keep"} if f"`{word}`" not in rows[key][0]}
            assert unsaid == set(), key
    assert [word for word in ("below", "faster", "within") if f"`{word}`" not in rows["decision"][0]] == []
    assert re.findall(r"`(\w+)`(?:, | or |\))", rows["accept"][0].partition("(")[2].partition(")")[0] + ")") == [
        *ACCEPTABLE
    ]


def test_what_holds_without_a_key_is_what_the_page_says(orders, read, rows):
    said = {key: ", ".join(re.findall(r"`([^`]+)`", without)) for key, (_, without) in rows.items()}
    assert rows["minimumSamples"][1] == str(Gate().minimum_samples)
    written = EVERY.replace("minimumSamples: 7", f"tolerance: {{{said['tolerance']}}}, abort: {said['abort']}")
    gate = read(orders, written).gate("load")
    assert (gate.tolerance, gate.abort) == (Tolerance(), brake.DEFAULT)
