"""The OpenAPI description, completed: what the framework leaves out of it, and what it says that is not so."""

import re
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic.json_schema import models_json_schema

from tailgate_service import problems
from tailgate_service.models.agents import StageEvent
from tailgate_service.models.live import LiveEvent
from tailgate_service.problems import ProblemDetails
from tailgate_service.webhook import Payload

_COMPONENT = "#/components/schemas/{model}"


def install(app: FastAPI) -> None:
    """Let ``app`` describe the models that its routes only refer to, and name all methods where it refuses one."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        description = describe()
        if ProblemDetails.__name__ not in description["components"]["schemas"]:
            _complete(description)
        return description

    async def refuse(request: Request, _: Exception) -> Response:
        # The framework names the methods of the first route alone.
        allowed = ", ".join(methods(app.openapi(), request.scope["path"]))
        detail = "This path does not answer that method; see Allow."
        return problems.response(405, detail, headers={"allow": allowed or "GET"})

    app.openapi = described  # type: ignore[method-assign]
    app.add_exception_handler(405, refuse)


def methods(description: dict[str, Any], path: str) -> list[str]:
    """The methods that ``path`` answers, by whatever route; none where the description does not know it.

    A path that stands there by itself is not that of any template (OpenAPI 3.1, 4.8.8).
    """
    if path in description["paths"]:
        return sorted(method.upper() for method in description["paths"][path])
    found = set()
    for template, operations in description["paths"].items():
        if re.fullmatch("[^/]+".join(map(re.escape, re.split(r"\{\w+\}", template))), path):
            found |= {method.upper() for method in operations}
    return sorted(found)


def _complete(description: dict[str, Any]) -> None:
    # Of events, `data` is described as it is read: as JSON in a text.
    models = [(ProblemDetails, "serialization"), *((one, "validation") for one in (Payload, StageEvent, LiveEvent))]
    _, added = models_json_schema(models, ref_template=_COMPONENT)  # type: ignore[arg-type]
    description["components"]["schemas"] |= added["$defs"]
    for path in description["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                _never_null(parameter["schema"])


def _never_null(schema: dict[str, Any]) -> None:
    """A parameter may be left out, but there is no way to write null in its place."""
    if "anyOf" in schema:
        schema["anyOf"] = [one for one in schema["anyOf"] if one != {"type": "null"}]
