"""What the page on objectives shows is read and compiled as it stands there."""

import re
import textwrap
from pathlib import Path

import pytest
import yaml
from tailgate_dashboards.rules import compile_rules
from tailgate_dashboards.series import series_of
from tailgate_otel import names
from tailgate_slo import parse
from tailgate_slo.budget import alert_windows
from tailgate_slo.model import Metrics

PAGE = (Path(__file__).parents[2] / "docs" / "objectives.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
OBJECTIVE = EXAMPLES[0]


def files(example):
    """The objectives files that an example is, or is a part of."""
    if example.startswith("ratioMetric"):
        metric = textwrap.indent(example, "      ")
        yield re.sub(r"      thresholdMetric:\n.*?(?=  timeWindow)", metric, OBJECTIVE, flags=re.DOTALL)
    elif example.startswith("# specs"):
        for spec in re.findall(r"^- (\{.*\})$", example, re.MULTILINE):
            yield re.sub(r"spec: \{measure: .*\}", f"spec: {spec}", OBJECTIVE)
    else:
        yield OBJECTIVE if example == OBJECTIVE else f"{OBJECTIVE}---\n{example}"


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_is_read_and_compiled(example):
    compiled = [compile_rules(parse(text.encode(), "slo.yaml")) for text in files(example)]
    assert compiled
    assert all(rules["groups"] for rules in compiled)


def test_the_presets_are_those_of_the_table():
    rows = re.findall(r"^\| `([a-z-]+)` \| `(\w+)`[^|]*\| ([^|]*) \|", PAGE, re.MULTILINE)
    for preset, duration, labels in rows[:4]:
        series = series_of(Metrics(preset=preset))
        assert duration == series.duration
        assert re.findall(r"`(\w+)`", labels) == [x for x in (series.method, series.route, series.status) if x]
    assert len(rows) >= 4


def test_the_windows_and_factors_are_those_of_the_table():
    rows = re.findall(r"^\| (page|ticket) \| (\w+) and (\w+) \| (\d+) % \| ([\d.]+) \|", PAGE, re.MULTILINE)
    seconds = {"m": 60, "h": 3600, "d": 86400}
    shown = [(s, *(int(w[:-1]) * seconds[w[-1]] for w in (long, short)), float(f)) for s, long, short, _, f in rows]
    assert shown == [(w.severity, w.long, w.short, float(w.factor)) for w in alert_windows(30)]


def test_the_names_that_are_spoken_of_exist():
    rules = yaml.safe_dump(compile_rules(parse(OBJECTIVE.encode(), "slo.yaml")))
    for name in (
        names.ALERT_BURN,
        names.ALERT_ABSENT,
        names.ANNOTATION_RUNBOOK,
        names.ANNOTATION_BOARD,
        names.SLO_INFO,
    ):
        assert name in PAGE
        assert name in rules
