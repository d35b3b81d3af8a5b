"""Boards as Grafana's own model of them, and as its JSON.

The classic model, which every Grafana since the eighth reads; the newer one, of version 2, needs the twelfth.
"""

import json
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.models import common, dashboard
from tailgate_otel import names

from . import variables
from .annotations import ANNOTATIONS
from .layout import COLUMNS, placed
from .panel import Board, Color, Row, Variable
from .visual import panel as draw_panel

TAG = "tailgate"
EVERY = ".+"
"""What a variable is while all of its values are chosen."""


def render(board: Board) -> str:
    """The board's JSON, the same text for the same board."""
    text = json.dumps(draw(board), cls=JSONEncoder)
    return json.dumps(_shown(json.loads(text)), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def draw(board: Board) -> dashboard.Dashboard:
    """The board in the SDK's model."""
    panels: list[dashboard.Panel | dashboard.RowPanel] = []
    for number, (item, left, top) in enumerate(placed(board.rows), start=1):
        if isinstance(item, Row):
            where = dashboard.GridPos(h=1, w=COLUMNS, x=left, y=top)
            panels.append(dashboard.RowPanel(title=item.title, id_val=number, grid_pos=where))
        else:
            where = dashboard.GridPos(h=item.height, w=item.width, x=left, y=top)
            panels.append(draw_panel(item, number, where, tuple(each.name for each in board.variables)))
    return dashboard.Dashboard(
        uid=board.uid,
        title=board.title,
        description=board.description,
        tags=[TAG],
        editable=False,
        graph_tooltip=dashboard.DashboardCursorSync.CROSSHAIR,
        time=dashboard.DashboardDashboardTime(from_val=board.since, to="now"),
        refresh="30s",
        panels=panels,
        templating=dashboard.DashboardDashboardTemplating(list_val=[_variable(each) for each in board.variables]),
        annotations=dashboard.AnnotationContainer(list_val=_annotations()),
        links=[
            dashboard.DashboardLink(
                title="Tailgate",
                type_val=dashboard.DashboardLinkType.DASHBOARDS,
                tags=[TAG],
                include_vars=True,
                keep_time=True,
            )
        ],
    )


def _shown(document: Any) -> Any:
    """The document without the SDK's placement of links and annotations, which hides them in a menu."""
    if isinstance(document, dict):
        return {
            key: _shown(value) for key, value in document.items() if key != "placement" or value != "inControlsMenu"
        }
    return [_shown(each) for each in document] if isinstance(document, list) else document


def _variable(variable: Variable) -> dashboard.VariableModel:
    always: dict[str, Any] = {
        "name": variable.name,
        "label": variable.label,
        "hide": dashboard.VariableHide.HIDE_VARIABLE if variable.hidden else dashboard.VariableHide.DONT_HIDE,
    }
    if variable.kind == "datasource":
        return dashboard.VariableModel(
            type_val=dashboard.VariableType.DATASOURCE, query=variable.query, regex="", **always
        )
    if variable.kind == "choice":
        options = [
            dashboard.VariableOption(selected=not number, text=text, value=value)
            for number, (text, value) in enumerate(variable.choices)
        ]
        return dashboard.VariableModel(
            type_val=dashboard.VariableType.CUSTOM,
            query=",".join(f"{text} : {value}" for text, value in variable.choices),
            options=options,
            current=options[0],
            **always,
        )
    every = dashboard.VariableOption(selected=True, text=["All"], value=["$__all"])
    first = dashboard.VariableOption(selected=True, text=variable.first, value=variable.first)
    newest_first = dashboard.VariableSort.ALPHABETICAL_DESC
    return dashboard.VariableModel(
        type_val=dashboard.VariableType.QUERY,
        query=variable.query,
        definition=variable.query,
        datasource=_prometheus(),
        regex=variable.regex,
        refresh=dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED,
        sort=newest_first if variable.newest_first else dashboard.VariableSort.ALPHABETICAL_ASC,
        multi=variable.several,
        include_all=variable.several,
        all_value=EVERY if variable.several else None,
        current=every if variable.several else first if variable.first else None,
        **always,
    )


def _annotations() -> list[dashboard.AnnotationQuery]:
    tags = {"type": "tags", "tags": [names.GRAFANA_RUN_TAG], "matchAny": False, "limit": 100, "refId": "Anno"}
    told = dashboard.AnnotationQuery(
        name="Load tests",
        datasource=common.DataSourceRef(type_val="grafana", uid="-- Grafana --"),
        icon_color=Color.PLAIN,
        target=UnknownDataquery(tags),
    )
    seen = [
        dashboard.AnnotationQuery(
            name=regions.name,
            datasource=_prometheus(),
            icon_color=regions.color,
            expr=regions.expr,
            step="15s",
            title_format=regions.name,
            text_format=regions.text,
        )
        for regions in ANNOTATIONS
    ]
    return [told, *seen]


def _prometheus() -> common.DataSourceRef:
    return common.DataSourceRef(type_val="prometheus", uid=f"${{{variables.PROMETHEUS.name}}}")
