"""Panels as Grafana's model of them."""

from typing import Any

from grafana_foundation_sdk.models import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    tempo,
    timeseries,
)

from . import variables
from .panel import Color, Column, Level, Link, Meaning, Panel, Query
from .promql import RANGE

_LIMIT_DASH = [8.0, 6.0]
_TRACES = 20


def panel(drawn: Panel, number: int, where: dashboard.GridPos, chosen: tuple[str, ...]) -> dashboard.Panel:
    """A panel at its place; ``chosen`` are the names of the variables that its links take along."""
    type_val, options, custom = _type(drawn)
    tracing = any(query.language == "traceql" for query in drawn.queries)
    return dashboard.Panel(
        type_val=type_val,
        id_val=number,
        title=drawn.title,
        description=drawn.description,
        datasource=_source(tracing),
        grid_pos=where,
        targets=[_target(drawn, query, ref_id(place)) for place, query in enumerate(drawn.queries)],
        transformations=_transformations(drawn) if drawn.kind == "table" and not tracing else None,
        interval=drawn.every,
        time_from=drawn.since,
        options=options,
        field_config=dashboard.FieldConfigSource(
            defaults=_defaults(drawn, custom), overrides=_overrides(drawn, chosen)
        ),
    )


def ref_id(place: int) -> str:
    """The name of the query at a place, as Grafana gives them: A to Z, then AA."""
    rest, letter = divmod(place, 26)
    return (ref_id(rest - 1) if rest else "") + chr(ord("A") + letter)


def _source(tracing: bool) -> common.DataSourceRef:
    source = variables.TEMPO if tracing else variables.PROMETHEUS
    return common.DataSourceRef(type_val=source.query, uid=f"${{{source.name}}}")


def _target(drawn: Panel, query: Query, ref: str) -> prometheus.Dataquery | tempo.Dataquery:
    if query.language == "traceql":
        return tempo.Dataquery(
            ref_id=ref,
            datasource=_source(tracing=True),
            query_type="traceql",
            query=query.expr,
            limit=_TRACES,
            table_type=tempo.SearchTableType.SPANS,
        )
    at_once = drawn.kind == "table" or (drawn.kind == "stat" and RANGE in query.expr)
    formats = {"table": prometheus.PromQueryFormat.TABLE, "heatmap": prometheus.PromQueryFormat.HEATMAP}
    return prometheus.Dataquery(
        ref_id=ref,
        datasource=_source(tracing=False),
        expr=query.expr,
        legend_format=query.legend or "__auto",
        instant=at_once,
        range_val=not at_once,
        exemplar=query.exemplars,
        format_val=formats.get(drawn.kind, prometheus.PromQueryFormat.TIME_SERIES),
        editor_mode=prometheus.QueryEditorMode.CODE,
    )


def _type(drawn: Panel) -> tuple[str, Any, Any]:
    """The name of the panel's type in Grafana, its options, and its fields' own."""
    match drawn.kind:
        case "graph":
            return "timeseries", _graph_options(), _graph_fields(drawn)
        case "stat":
            reduce = common.ReduceDataOptions(calcs=["lastNotNull"], fields="", values=False)
            return "stat", stat.Options(reduce_options=reduce), None
        case "table":
            sort_by = [common.TableSortByFieldState(display_name=drawn.sort, desc=True)] if drawn.sort else []
            return "table", table.Options(sort_by=sort_by), table.FieldConfig(filterable=True)
        case "states":
            legend = common.VizLegendOptions(show_legend=True)
            options = statetimeline.Options(merge_values=True, row_height=0.8, legend=legend)
            return "state-timeline", options, statetimeline.FieldConfig(line_width=0, fill_opacity=80)
        case "heatmap":
            return "heatmap", _heatmap_options(drawn), heatmap.FieldConfig()


def _graph_options() -> timeseries.Options:
    return timeseries.Options(
        legend=common.VizLegendOptions(
            display_mode=common.LegendDisplayMode.TABLE,
            placement=common.LegendPlacement.BOTTOM,
            show_legend=True,
            calcs=["lastNotNull", "max"],
            sort_by="Max",
            sort_desc=True,
        ),
        tooltip=common.VizTooltipOptions(mode=common.TooltipDisplayMode.MULTI, sort=common.SortOrder.DESCENDING),
    )


def _graph_fields(drawn: Panel) -> timeseries.FieldConfig:
    style = common.GraphThresholdsStyleMode.OFF
    if drawn.levels:
        style = common.GraphThresholdsStyleMode.AREA if drawn.banded else common.GraphThresholdsStyleMode.DASHED
    return timeseries.FieldConfig(
        draw_style=common.GraphDrawStyle.LINE,
        line_width=1,
        fill_opacity=40 if drawn.stacked else 5,
        show_points=common.VisibilityMode.AUTO,
        stacking=common.StackingConfig(
            mode=common.StackingMode.NORMAL if drawn.stacked else common.StackingMode.NONE, group="A"
        ),
        thresholds_style=common.GraphThresholdsStyleConfig(mode=style),
    )


def _heatmap_options(drawn: Panel) -> heatmap.Options:
    return heatmap.Options(
        calculate=False,
        color=heatmap.HeatmapColorOptions(
            mode=heatmap.HeatmapColorMode.SCHEME,
            scheme="Blues",
            scale=heatmap.HeatmapColorScale.EXPONENTIAL,
            exponent=0.5,
            steps=64,
            fill="dark-blue",
        ),
        y_axis=heatmap.YAxisConfig(unit=drawn.unit),
        tooltip=heatmap.HeatmapTooltip(mode=common.TooltipDisplayMode.SINGLE, y_histogram=True),
    )


def _defaults(drawn: Panel, custom: Any) -> dashboard.FieldConfig:
    by_level = drawn.kind == "stat"
    mode = dashboard.FieldColorModeId.THRESHOLDS if by_level else dashboard.FieldColorModeId.PALETTE_CLASSIC
    return dashboard.FieldConfig(
        unit=drawn.unit,
        decimals=drawn.decimals,
        min_val=drawn.least,
        max_val=drawn.most,
        color=dashboard.FieldColor(mode=mode),
        mappings=_mappings(drawn.meanings),
        thresholds=_thresholds(drawn.levels) if drawn.levels else None,
        custom=custom,
    )


def _thresholds(levels: tuple[Level, ...]) -> dashboard.ThresholdsConfig:
    steps = [dashboard.Threshold(value=level.value, color=level.color) for level in levels]
    return dashboard.ThresholdsConfig(mode=dashboard.ThresholdsMode.ABSOLUTE, steps=steps)


def _mappings(meanings: tuple[Meaning, ...]) -> list[dashboard.ValueMapping]:
    results = {
        meaning.value: dashboard.ValueMappingResult(text=meaning.text, color=meaning.color, index=place)
        for place, meaning in enumerate(meanings)
    }
    return [dashboard.ValueMap(options=results)] if results else []


def _transformations(drawn: Panel) -> list[dashboard.DataTransformerConfig]:
    """One table of all queries, labels first, under the headers that people read."""
    values = list(zip(_values(drawn), drawn.queries, strict=True))
    columns = [(label.name, label.header) for label in drawn.labels]
    columns += [(value, query.column.header) for value, query in values if query.column]
    unseen = ["Time", *(value for value, query in values if not query.column)]
    return [
        dashboard.DataTransformerConfig(id_val="merge", options={}),
        dashboard.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": dict.fromkeys(unseen, True),
                "indexByName": {name: place for place, (name, _) in enumerate(columns)},
                "renameByName": dict(columns),
            },
        ),
    ]


def _values(drawn: Panel) -> list[str]:
    """What Grafana calls the column of each query's values."""
    if len(drawn.queries) == 1:
        return ["Value"]
    return [f"Value #{ref_id(place)}" for place in range(len(drawn.queries))]


def _overrides(drawn: Panel, chosen: tuple[str, ...]) -> list[dashboard.DashboardFieldConfigSourceOverrides]:
    found = [
        _override("byFrameRefID", ref_id(place), _limit_line())
        for place, query in enumerate(drawn.queries)
        if query.line
    ]
    found += [
        _override("byName", query.column.header, _column(query.column)) for query in drawn.queries if query.column
    ]
    found += [
        _override("byName", label.header, {"mappings": _mappings(label.meanings)})
        for label in drawn.labels
        if label.meanings
    ]
    found += [_override("byName", link.field, {"links": [_link(link, chosen)]}) for link in drawn.links]
    return found


def _override(matcher: str, of: str, properties: dict[str, Any]) -> dashboard.DashboardFieldConfigSourceOverrides:
    return dashboard.DashboardFieldConfigSourceOverrides(
        matcher=dashboard.MatcherConfig(id_val=matcher, options=of),
        properties=[dashboard.DynamicConfigValue(id_val=key, value=value) for key, value in properties.items()],
    )


def _limit_line() -> dict[str, Any]:
    return {
        "color": dashboard.FieldColor(mode=dashboard.FieldColorModeId.FIXED, fixed_color=Color.BAD),
        "custom.lineStyle": common.LineStyle(fill="dash", dash=_LIMIT_DASH),
        "custom.lineWidth": 2,
        "custom.fillOpacity": 0,
    }


def _column(column: Column) -> dict[str, Any]:
    properties: dict[str, Any] = {"unit": column.unit}
    if column.levels:
        properties["thresholds"] = _thresholds(column.levels)
    if column.meanings:
        properties["mappings"] = _mappings(column.meanings)
    if column.levels or column.meanings:
        properties["custom.cellOptions"] = {"type": "color-text"}
        properties["color"] = dashboard.FieldColor(mode=dashboard.FieldColorModeId.THRESHOLDS)
    return properties


def _link(link: Link, chosen: tuple[str, ...]) -> dict[str, str | bool]:
    kept = "&".join(f"${{{name}:queryparam}}" for name in chosen if name != link.variable)
    own = f"&var-{link.variable}=${{__value.raw:percentencode}}" if link.variable else ""
    return {"title": link.title, "url": f"/d/{link.board}?${{__url_time_range}}&{kept}{own}", "targetBlank": False}
