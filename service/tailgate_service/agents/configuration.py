"""What a voice agent is told to be, and when two of these are the same."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

from tailgate_service.fields import Phone, ShortText, VisibleName, digits
from tailgate_service.store.voice import Agent

_NO_NUL = r"^[^\x00]*$"
MAX_KEYWORDS = 50
# Beyond this not every whole number is a float.
_EXACT = 2**53


class Configuration(BaseModel):
    """How the agent speaks, and what it is to do."""

    model_config = ConfigDict(extra="forbid")

    name: VisibleName
    prompt: Annotated[str, StringConstraints(min_length=1, max_length=20_000, pattern=_NO_NUL)]
    greeting: Annotated[str, StringConstraints(max_length=1_000, pattern=_NO_NUL)] = ""
    voice: ShortText = "alloy"
    language: Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")] = "en"
    temperature: Annotated[FiniteFloat, Field(ge=0, le=2)] = 0.7
    max_call_seconds: Annotated[int, Field(ge=10, le=7200)] = 600
    keywords: Annotated[list[ShortText], Field(max_length=MAX_KEYWORDS)] = []
    transfer_to: Phone | None = None


class SaveRequest(BaseModel):
    """What the agent is to be from now on."""

    model_config = ConfigDict(extra="forbid")

    phone_number: Phone
    configuration: Configuration


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AgentAnswer(_Answer):
    """A workspace's voice agent; ``in_sync`` says whether the provider is known to have this configuration."""

    id: UUID
    phone_number: str
    # As it was stored: what was written before a field had its bounds is shown all the same.
    configuration: dict[str, Any]
    version: int
    in_sync: bool
    synced_at: datetime | None
    updated_at: datetime


class SavedAnswer(_Answer):
    """A stored agent; ``synced``: whether this request brought it to the provider, and if not, why not."""

    agent: AgentAnswer
    synced: bool
    sync: Literal["synced", "unchanged", "failed", "off"]
    detail: str | None


def shown_number(phone: str) -> str:
    """A phone number as it is stored: what is compared, and nothing else."""
    return f"+{digits(phone)}"


def canonical(value: Any) -> Any:
    """``value`` with one way of writing each number: 1.0 is 1, as it is for JSON (RFC 8785) and for the database."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    if isinstance(value, Mapping):
        return {key: canonical(each) for key, each in value.items()}
    if isinstance(value, list):
        return [canonical(each) for each in value]
    return value


def digest(phone_number: str, configuration: Mapping[str, Any]) -> bytes:
    """The SHA-256 of what the provider is told, the same however keys are ordered and numbers written."""
    told = canonical({"phone_number": phone_number, "configuration": configuration})
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).digest()


def in_sync(agent: Agent) -> bool:
    """Whether the provider is known to have it."""
    return agent.synced_sha256 == digest(agent.phone_number, agent.configuration)


def document(agent: Agent) -> dict[str, Any]:
    """``AgentAnswer`` of it."""
    return {
        "id": agent.id,
        "phone_number": agent.phone_number,
        "configuration": agent.configuration,
        "version": agent.version,
        "in_sync": in_sync(agent),
        "synced_at": agent.synced_at,
        "updated_at": agent.updated_at,
    }
