"""The locustfile of a mix: one persona, a task a route by its measured share, and a table of what is still missing.

What a log or a metric cannot know - which paths there are, what a body holds - is ``None`` in that table. The file
imports all the same, but neither Locust nor ``tailgate run`` begins a load, nor plans one, before every task left to
run has what it needs: a run never loads something else than what was asked for.
"""

import re

from tailgate_loadtest.traffic.draft import PERSONA
from tailgate_loadtest.traffic.mix import Mix, Route

READY = "ready"
"""The tag of the tasks that need nothing."""
_WEIGHTS = 10_000
"""Parts that the whole is divided into. Locust keeps a list of so many tasks."""

_HEAD = '''\
"""What production is asked for, by route. Made by `tailgate profile from`; yours to change.

Tasks are single requests by their measured weight. Sessions, logins and the order of requests are not made up: what
your API needs of them belongs into on_start, or into tasks of your own.
"""

import random
from typing import Any

from locust import between, events, tag, task
from tailgate_loadtest.engine.http import LoadUser

# What could not be read from production's traffic. Give each route rows to choose from; one is drawn for each request:
# path (with its query) where it needs data or a query, json or data where it needs a body. For example
#     "PUT /orders/{id}": [{"path": "/orders/17", "json": {"state": "paid"}}, {"path": "/orders/18", "json": {}}],
# Until all are given, no load begins; `-T ready` loads the other routes alone, and so another mix.
ROWS: dict[str, list[dict[str, Any]] | None] = {
'''

_MIDDLE = '''\
}


class Unfilled(SystemExit):
    """A route has no rows yet."""


@events.init.add_listener
def _check(environment: Any, **_: Any) -> None:
    left = {each.route for cls in environment.user_classes for each in cls.tasks if hasattr(each, "route")}
    lacking = {route: need for route, need in NEEDS.items() if route in left and _lacks(need, ROWS.get(route))}
    missing = [f"{route} needs {need}" for route, need in lacking.items()]
    if missing:
        raise Unfilled("; ".join(missing) + ": give it in ROWS, or run without them by -T ready")


def _lacks(need: str, rows: list[dict[str, Any]] | None) -> bool:
    path, body = "data" in need or "query" in need, "body" in need
    return not rows or any((path and "path" not in row) or (body and not {"json", "data"} & set(row)) for row in rows)


def asks_for(route: str) -> Any:
    """A task that sends one request of a route."""
    method, _, template = route.partition(" ")

    def ask(user: LoadUser) -> None:
        row = random.choice(ROWS.get(route) or [{}])
        path, rest = row.get("path", template), {key: row[key] for key in ("json", "data", "headers") if key in row}
        user.client.request(method, path, name=template, **rest)

    ask.route = route  # type: ignore[attr-defined]
    return ask


'''


def skeleton(mix: Mix) -> str:
    """The text of the file."""
    waiting = [route for route in mix.routes if route.needs]
    rows = "".join(f"    {_text(route.name)}: None,\n" for route in waiting)
    needs = "".join(f"    {_text(route.name)}: {_text(' and '.join(route.needs))},\n" for route in waiting)
    tasks = "".join(_task(route, mix, name) for route, name in zip(mix.routes, _names(mix), strict=True))
    persona = (
        f"# Shares were counted over {mix.over}.\n"
        f"class {PERSONA}(LoadUser):\n"
        '    """Asks for every route as often as production is asked."""\n\n'
        "    wait_time = between(1, 3)  # only without --profile; not measured\n\n"
    )
    head, _, middle = _MIDDLE.partition("}\n")
    return f"{_HEAD}{rows}{head}}}\nNEEDS = {{\n{needs}}}\n{middle}{persona}{tasks}"


def _task(route: Route, mix: Mix, name: str) -> str:
    share = mix.share(route)
    comment = f"  # {share:.2%}"
    if route.queried and not route.needs:
        comment += f"; {route.queried:.0%} of them with a query, which is left out"
    made = f"task({max(round(share * _WEIGHTS), 1)})(asks_for({_text(route.name)}))"
    if not route.needs:
        made = f"tag({_text(READY)})({made})"
    return f"    {name} = {made}{comment}\n"


def _names(mix: Mix) -> list[str]:
    """Of the tasks: what is left of a route in an attribute's name, each once."""
    names: dict[str, None] = {}
    for route in mix.routes:
        plain = re.sub(r"[^a-z0-9]+", "_", route.name.lower()).strip("_")[:60]
        name, number = plain, 1
        while name in names:
            number += 1
            name = f"{plain}_{number}"
        names[name] = None
    return list(names)


def _text(text: str) -> str:
    """As Python has it, in double quotes."""
    quoted = repr(text)
    return f'"{quoted[1:-1]}"' if quoted[0] == "'" and '"' not in text and "\\'" not in quoted else quoted
