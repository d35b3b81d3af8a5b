"""The rules of Grafana's dashboard-linter, https://github.com/grafana/dashboard-linter, as its documentation has them.

Each yields what breaks it: the name of the rule, the title of the board, and that of the panel.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

EXCEPTIONS = Path(__file__).parents[2] / "dashboards" / "dashboard-linter.yaml"

# Those of Grafana's units that the linter knows and the boards use.
UNITS = {"none", "short", "percentunit", "s", "ms", "µs", "ns", "bytes", "reqps", "ops", "dateTimeAsIso"}
DRAWN = {"stat", "table", "timeseries", "state-timeline", "heatmap"}
RATES = ("rate", "irate")

_STRING = r'"(?:[^"\\]|\\.)*"'
_SELECTOR = re.compile(rf"(?<![\w:])([a-zA-Z_:][\w:]*)(?![\w:])(\{{(?:[^{{}}\"]|{_STRING})*\}})?(?!\s*\()")
_GROUPING = re.compile(r"\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)")
_WORDS = {"and", "or", "unless", "offset", "bool", "by", "on", "inf", "nan", "vector"}


class Broken(NamedTuple):
    """A rule, and who breaks it; the panel is empty where it is the board."""

    rule: str
    board: str
    panel: str = ""


def selectors(expr: str) -> Iterator[tuple[str, str]]:
    """The metrics of an expression, with what stands in their braces."""
    for name, braces in _SELECTOR.findall(_GROUPING.sub(" ", re.sub(r"\[[^\]]*\]|offset \$\{\w+\}s", " ", expr))):
        if name.lower() not in _WORDS:
            yield name, braces


def broken(board: dict[str, Any]) -> Iterator[Broken]:
    """Everything that a board breaks."""
    title, variables = board["title"], board["templating"]["list"]
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    yield from (Broken(rule, title) for rule in _of_variables(variables))
    if board["editable"]:
        yield Broken("uneditable-dashboard", title)
    sources = {f"${{{each['name']}}}" for each in variables if each["type"] == "datasource"}
    for panel in panels:
        for rule in _of_panel(panel, sources):
            yield Broken(rule, title, panel["title"])
        for target in panel["targets"]:
            for rule in _of_target(target):
                yield Broken(rule, title, panel["title"])


def _of_variables(variables: list[dict[str, Any]]) -> Iterator[str]:
    sources = [each for each in variables if each["type"] == "datasource"]
    for source in sources:
        kind = source["query"]
        if source["name"] != f"{kind}_datasource" or source["label"] != f"{kind.capitalize()} data source":
            yield "template-datasource-rule"
    if not sources or sources[0]["query"] != "prometheus":
        yield "template-datasource-rule"
    for name in ("job", "instance"):
        of_name = [each for each in variables if each["name"] == name]
        good = [
            each
            for each in of_name
            if each["type"] == "query"
            and each["label"] == name.capitalize()
            and each["multi"]
            and each["allValue"] == ".+"
            and each["datasource"]["uid"] == f"${{{sources[0]['name']}}}"
        ]
        if len(good) != 1:
            yield f"template-{name}-rule"
    for query in (each for each in variables if each["type"] == "query"):
        if not re.fullmatch(r"(label_names|label_values|metrics|query_result)\(.+\)", query["query"]):
            yield "template-label-promql-rule"
        if query["refresh"] != 2:
            yield "template-on-time-change-reload-rule"


def _of_panel(panel: dict[str, Any], sources: set[str]) -> Iterator[str]:
    if panel["type"] not in DRAWN or panel["datasource"]["uid"] not in sources:
        yield "panel-datasource-rule"
    if not panel["title"] or not panel["description"]:
        yield "panel-title-description-rule"
    if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
        yield "panel-units-rule"
    if not panel["targets"]:
        yield "panel-no-targets-rule"


def _of_target(target: dict[str, Any]) -> Iterator[str]:
    if "expr" not in target:
        yield "target-promql-rule"
        return
    expr = target["expr"]
    for name in re.findall(r"\b(\w+)\([^\[\]()]*\[(?!\$__rate_interval\])", expr):
        if name in RATES:
            yield "target-rate-interval-rule"
    found = list(selectors(expr))
    for label in ("job", "instance"):
        if any(f'{label}=~"${label}"' not in braces for _, braces in found):
            yield f"target-{label}-rule"
    grown = len(re.findall(r"\b(?:rate|irate|increase)\([\w:]+_total\b", expr))
    if grown != sum(name.endswith("_total") for name, _ in found):
        yield "target-counter-agg-rule"


def excepted() -> set[Broken]:
    """What the file of exceptions lets be, each entry of it."""
    document = yaml.safe_load(EXCEPTIONS.read_text())
    return {
        Broken(rule, entry["dashboard"], entry.get("panel", ""))
        for rule, exception in document["exclusions"].items()
        for entry in exception["entries"]
    }
