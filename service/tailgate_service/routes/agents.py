"""The founder's console: the voice agent of a workspace, and calls to try it."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from tailgate_service.agents.calls import Call, Stage
from tailgate_service.agents.configuration import AgentAnswer, SavedAnswer, SaveRequest, document, shown_number
from tailgate_service.agents.desk import Desk
from tailgate_service.auth import AdminOf, IdentityOf
from tailgate_service.errors import BusyError, StaleError
from tailgate_service.fields import LastEventId, Phone, digits
from tailgate_service.live.lines import MEDIA_TYPE
from tailgate_service.models.agents import CallAnswer, StageEvent
from tailgate_service.problems import Problem, responses
from tailgate_service.routes import answer

router = APIRouter(tags=["founder-console"])

_BEAT = 10.0
"""Seconds without a stage after which a stream says that it is still there."""
_TAG = re.compile(r'"([1-9][0-9]{0,18})"', re.ASCII)


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


DeskOf = Annotated[Desk, Depends(_desk)]


@router.get(
    "/api/founder-console/agent",
    response_model=AgentAnswer,
    responses={200: {"headers": answer.ETAG}, **responses(400, 401, 403, 404, 413, 422, 500, 503)},
)
async def agent(desk: DeskOf, who: IdentityOf) -> Response:
    """What the workspace's voice agent is told to be; its version is the ETag."""
    return _shown(await desk.agent(who))


@router.get(
    "/api/founder-console/agent/by-number",
    response_model=AgentAnswer,
    responses={200: {"headers": answer.ETAG}, **responses(400, 401, 403, 404, 413, 422, 500, 503)},
)
async def agent_by_number(desk: DeskOf, who: IdentityOf, phone_number: Annotated[Phone, Query()]) -> Response:
    """The agent that answers a number, of which only the digits are compared."""
    return _shown(await desk.agent_by_number(who, digits(phone_number)))


@router.put(
    "/api/founder-console/agent",
    response_model=SavedAnswer,
    responses={200: {"headers": answer.ETAG}, **responses(400, 401, 403, 409, 412, 413, 422, 428, 500, 503)},
)
async def save(
    desk: DeskOf,
    who: AdminOf,
    agent: SaveRequest,
    if_match: Annotated[str | None, Header(max_length=64, description="the ETag of what is changed; * for any")] = None,
) -> Response:
    """Say what the agent is to be. It is stored, and then brought to the voice provider unless that has it already."""
    number, configuration = shown_number(agent.phone_number), agent.configuration.model_dump()
    try:
        saved = await desk.save(who, number, configuration, expected=_expected(if_match))
    except StaleError as error:
        raise _stale(error, if_match) from error
    body = {
        "agent": document(saved.agent),
        "synced": saved.sync == "synced",
        "sync": saved.sync,
        "detail": saved.detail,
    }
    return answer.json(body, headers={"etag": f'"{saved.agent.version}"'})


@router.post(
    "/api/founder-console/test-agent",
    status_code=202,
    response_model=CallAnswer,
    responses={202: {"headers": answer.LOCATION}, **responses(400, 401, 403, 413, 422, 429, 500, 503)},
)
async def test_agent(desk: DeskOf, who: IdentityOf) -> Response:
    """Call the agent to try it. The answer comes at once; all else, failures too, is told by its stages."""
    try:
        call = desk.calls.start(who)
    except BusyError as error:
        raise _busy(error) from error
    return answer.json(_call(call), 202, headers={"location": f"/api/founder-console/test-agent/{call.id}"})


@router.get(
    "/api/founder-console/test-agent/{call_id}",
    response_model=CallAnswer,
    responses=responses(400, 401, 403, 404, 413, 422, 500, 503),
)
async def test_call(desk: DeskOf, who: IdentityOf, call_id: UUID) -> Response:
    """How far a call has come."""
    return answer.json(_call(desk.calls.find(who, call_id)))


@router.get(
    "/api/founder-console/test-agent/{call_id}/events",
    response_class=StreamingResponse,
    responses={
        200: answer.stream(StageEvent),
        204: {"description": "The call is over, and no stage follows: nothing is gained by asking again"},
        **responses(400, 401, 403, 404, 413, 422, 429, 500, 503),
    },
)
async def events(
    desk: DeskOf,
    who: IdentityOf,
    call_id: UUID,
    last_event_id: Annotated[LastEventId | None, Header()] = None,
) -> Response:
    """A call's stages as server-sent events, from its first on, as they are reached; the stream ends with the last."""
    call = desk.calls.find(who, call_id)
    seen = int(last_event_id or 0)
    if call.over and seen >= len(call.stages):
        return Response(status_code=204)
    stages = desk.calls.follow(call, seen, _BEAT)
    try:
        first = await anext(stages, None)
    except BusyError as error:
        raise _busy(error) from error
    return StreamingResponse(_stream(first, stages), media_type=MEDIA_TYPE)


async def _stream(first: Stage | None, rest: AsyncIterator[Stage | None]) -> AsyncIterator[bytes]:
    yield _event(first)
    async for stage in rest:
        yield _event(stage)


def _event(stage: Stage | None) -> bytes:
    if stage is None:
        return b": still there\n\n"
    return b"id: %d\nevent: stage\ndata: %b\n\n" % (stage.number, orjson.dumps(_stage(stage), option=orjson.OPT_UTC_Z))


def _shown(body: bytes) -> Response:
    tag = f'"{orjson.loads(body)["version"]}"'
    return Response(body, media_type="application/json", headers={"etag": tag})


def _expected(if_match: str | None) -> int | Literal["any"] | None:
    if if_match is None or if_match.strip() == "*":
        return None if if_match is None else "any"
    tag = _TAG.fullmatch(if_match.strip())
    # A tag that none of our answers had matches nothing.
    return int(tag[1]) if tag else 0


def _stale(error: StaleError, if_match: str | None) -> Problem:
    headers = {} if error.version is None else {"etag": f'"{error.version}"'}
    if if_match is None:
        return Problem(
            428, "There is an agent already: say by If-Match with its ETag what is to be changed.", headers=headers
        )
    return Problem(412, f"The agent is not the one that If-Match names: {error}.", headers=headers)


def _busy(error: BusyError) -> Problem:
    return Problem(429, f"{error}".capitalize() + ".", headers={"retry-after": "5"})


def _stage(stage: Stage) -> dict[str, object]:
    return {"number": stage.number, "stage": stage.stage, "at": stage.at, "detail": stage.detail}


def _call(call: Call) -> dict[str, object]:
    return {
        "id": call.id,
        "events": f"/api/founder-console/test-agent/{call.id}/events",
        "stages": [_stage(stage) for stage in call.stages],
    }
