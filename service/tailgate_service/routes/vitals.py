"""What visits were like, as the pages themselves tell."""

import asyncio
from contextlib import suppress

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect
from tailgate_otel import BeaconRefused, names
from tailgate_otel.beacon import MAX_BODY, schema

from tailgate_service.context import VitalsOf
from tailgate_service.models.vitals import PAGES
from tailgate_service.problems import Problem, responses

router = APIRouter(tags=["vitals"])

_WITHIN = 5.0
"""Seconds in which a body has to be there, from its headers on.

It goes out with them, in a packet or two. One that is lost is sent again after a second, and if that is lost as well,
once more two seconds later (RFC 6298, 2.1 and 5.5).
"""

# What is left of a body that is too large, or too slow, would be read as the next request's begin.
_CLOSE = {"connection": "close"}
_HEADERS = {408: _CLOSE, 413: _CLOSE, 429: {"retry-after": "1"}}


@router.post(
    "/api/vitals",
    status_code=204,
    responses=responses(408, 413, 422, 429, 500),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": schema(PAGES)}}}},
)
async def take(request: Request, vitals: VitalsOf) -> Response:
    """Take what a page measured of one visit. Anybody may say it: boards and tickets believe it, and nothing else."""
    client = request.client.host if request.client else ""
    try:
        beacon = vitals.take(await _body(request), client, request.headers.get(names.HEADER_USER_AGENT, ""))
    except BeaconRefused as refused:
        said = str(refused)
        errors = [{"location": "body", "field": "", "detail": said}] if refused.status == 422 else []
        raise Problem(refused.status, said, errors=errors, headers=_HEADERS.get(refused.status)) from refused
    vitals.record(beacon)
    return Response(status_code=204)


async def _body(request: Request) -> bytes | None:
    """The body, or as much of it as shows that it is too large; None where it is not there in time."""
    body = b""
    try:
        # Pages send it on their way out: whoever is gone before the end is not heard, and nothing has failed.
        with suppress(ClientDisconnect):
            async with asyncio.timeout(_WITHIN):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > MAX_BODY:
                        break
    except TimeoutError:
        return None
    return body
