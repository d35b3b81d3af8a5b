"""Calls to try a voice agent."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Json

from tailgate_service.agents.calls import Kind
from tailgate_service.models.base import Answer


class StageAnswer(Answer):
    """How far a call has come."""

    number: int
    stage: Kind
    at: datetime
    detail: str | None


class CallAnswer(Answer):
    """A call to try the agent; ``events`` is where its stages are told as they are reached."""

    id: UUID
    events: str
    stages: list[StageAnswer]


class StageEvent(Answer):
    """A server-sent event of a call."""

    id: str
    event: Literal["stage"]
    data: Json[StageAnswer]
