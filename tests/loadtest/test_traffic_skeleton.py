"""The text of the locustfile, whatever the routes are called."""

import ast

from hypothesis import example, given
from hypothesis import strategies as st
from tailgate_loadtest.traffic.mix import Route, mixed
from tailgate_loadtest.traffic.skeleton import skeleton

templates = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.text("ab/{}'\"\\\n#", max_size=8)


@given(st.lists(st.tuples(st.sampled_from(["GET", "POST", "DELETE"]), templates), min_size=1, max_size=6, unique=True))
@example([("GET", '"""'), ("GET", "'\"\\'"), ("POST", "\n    exit()")])
def test_every_route_is_a_task_and_nothing_in_its_name_is_code(routes) -> None:
    mix = mixed([Route(method=m, template=t, requests=5, queried=None) for m, t in routes], {}, "a minute")
    tree = ast.parse(skeleton(mix))
    (persona,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Production"]
    tasks = [node for node in persona.body if isinstance(node, ast.Assign)][1:]
    asked = [
        call.args[0].value
        for node in tasks
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "asks_for"
    ]
    assert sorted(asked) == sorted(f"{method} {template}" for method, template in routes)
    assert len({node.targets[0].id for node in tasks}) == len(routes)
    (rows,) = [node.value for node in tree.body if isinstance(node, ast.AnnAssign)]
    assert set(ast.literal_eval(rows)) == {route.name for route in mix.routes if route.needs}
