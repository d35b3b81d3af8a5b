"""Errors as RFC 9457 writes them: application/problem+json, for every answer that is not a success."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import asyncpg
import orjson
from asyncpg.exceptions import InterfaceError
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from tailgate_service.errors import FieldError, TakenError, UnknownError
from tailgate_service.retries import UNDONE

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

_CHALLENGE = {"WWW-Authenticate": {"description": "what would let in", "required": True, "schema": {"type": "string"}}}
_LATER = {
    "Retry-After": {"description": "seconds to wait", "required": True, "schema": {"type": "integer", "minimum": 1}}
}
# What an error of a status always brings along.
_HEADERS = {401: _CHALLENGE, 429: _LATER, 503: _LATER}

# What the validator says in the words of its own language, by the type of error.
_ARRAY, _OBJECT, _UUID = (f"Input should be {kind}" for kind in ("an array", "an object", "a UUID, as text"))
_WANTED = {
    "list_type": _ARRAY,
    "frozen_set_type": _ARRAY,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "uuid_type": _UUID,
}
# What the framework says in one word.
_SAID = {404: "There is nothing at this path."}


class FieldProblem(BaseModel):
    """One field that is not as it must be."""

    location: str = Field(description="query, path, header or body")
    field: str = Field(description="the field's name, dotted when nested; empty for the whole")
    detail: str


class ProblemDetails(BaseModel):
    """The body of every error."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of these error statuses, for a route's ``responses``."""
    return {status: _described(status) for status in statuses}


def _described(status: int) -> dict[str, Any]:
    schema = {"schema": {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}}
    described: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}}
    if status in _HEADERS:
        described["headers"] = _HEADERS[status]
    return described


class Problem(HTTPException):
    """An error that a route answers with; ``errors`` name the fields at fault."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.errors = errors


def response(
    status: int,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to send for an error."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def invalid(errors: Sequence[Any], location: str | None = None) -> Problem:
    """The 422 for pydantic's ``errors``; without ``location`` it is the first part of each error's place.

    The values at fault are not repeated: they may be secrets, and the caller has them.
    """
    found = []
    for error in errors:
        place = [str(part) for part in error["loc"]]
        within = location or place.pop(0)
        if error["type"] == "json_invalid":
            # Where in the text it broke off is no field.
            place, detail = [], f"not JSON: {error['ctx']['error']}"
        elif not place and _WANTED.get(error["type"]) == _OBJECT:
            # Of a body that does not say what it is, nothing is read.
            detail = "Input should be an object of JSON, sent as application/json"
        else:
            detail = _WANTED.get(error["type"], error["msg"].removeprefix("Value error, "))
        found.append({"location": within, "field": ".".join(place), "detail": detail})
    named = "; ".join(" ".join(filter(None, (one["location"], one["field"]))) + f": {one['detail']}" for one in found)
    return Problem(422, named, errors=found)


def install(app: FastAPI) -> None:
    """Let ``app`` answer every error as a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(WebSocketRequestValidationError, _validation)
    app.add_exception_handler(UnknownError, _unknown)
    app.add_exception_handler(FieldError, _field)
    app.add_exception_handler(asyncpg.ForeignKeyViolationError, _deleted)
    for failure in (
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        InterfaceError,
        OSError,
    ):
        app.add_exception_handler(failure, _unavailable)
    for undone in UNDONE:
        app.add_exception_handler(undone, _undone)
    app.add_exception_handler(Exception, _internal)


async def _http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if isinstance(error, Problem):
        return response(error.status_code, error.detail, error.errors, error.headers)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # The framework's word for a body that breaks what reads it: it is no more JSON than one that breaks off.
        unread = "not JSON in UTF-8, or nested too deep"
        return response(422, f"body: {unread}", [{"location": "body", "field": "", "detail": unread}])
    return response(error.status_code, _SAID.get(error.status_code, error.detail), headers=error.headers)


async def _validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError | WebSocketRequestValidationError):
        raise error
    return await _http(request, invalid(error.errors()))


async def _unknown(_: Request, error: Exception) -> Response:
    return response(404, str(error))


async def _deleted(_: Request, __: Exception) -> Response:
    # Stores look for what they refer to before they write: it was there then.
    return response(404, "What this belongs to was deleted meanwhile.")


async def _field(_: Request, error: Exception) -> Response:
    if not isinstance(error, FieldError):
        raise error
    errors = [{"location": "body", "field": error.field, "detail": error.detail}]
    return response(409 if isinstance(error, TakenError) else 422, str(error), errors)


async def _unavailable(_: Request, error: Exception) -> Response:
    if isinstance(error, ValueError):
        # asyncpg's word, under InterfaceError, for an argument that does not fit: our mistake, not an outage.
        raise error
    log.warning("answered 503: %s: %s", type(error).__name__, error)
    return response(503, "The database does not answer; try again.", headers={"retry-after": "1"})


async def _undone(_: Request, error: Exception) -> Response:
    log.warning("answered 503: %s: %s", type(error).__name__, error)
    return response(503, "Others write the same, and this was not written; try again.", headers={"retry-after": "1"})


async def _internal(_: Request, __: Exception) -> Response:
    return response(500, "The service failed; its log has the cause.")
