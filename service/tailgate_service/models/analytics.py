"""What dashboards show."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from tailgate_service.models.base import Answer

Outcome = Literal["answered", "missed", "voicemail", "failed"]


class Lead(Answer):
    """A caller worth calling back, and the call that says so."""

    contact_id: UUID
    name: str
    phone: str
    call_id: UUID
    lead_score: int
    summary: str | None
    started_at: datetime


class Leads(Answer):
    """The likeliest first."""

    leads: list[Lead]


class CallCounts(Answer):
    """Calls by what became of them, and how long they took together."""

    answered: int
    missed: int
    voicemail: int
    failed: int
    seconds: int


class Pulse(Answer):
    """A day in numbers, and what waits in the inbox now: ``active``, of those ``unassigned``, ``unread`` messages."""

    day: date
    conversations: int
    active: int
    unassigned: int
    unread: int
    contacts: int
    incoming: int
    outgoing: int
    calls: CallCounts


class ActivityItem(Answer):
    """A call or a message; ``detail`` is its outcome or its direction, ``text`` the begin of its summary or body."""

    kind: Literal["call", "message"]
    id: UUID
    at: datetime
    contact_id: UUID
    name: str
    detail: Outcome | Literal["in", "out"]
    text: str | None


class Activity(Answer):
    """The latest first."""

    items: list[ActivityItem]


class CallDay(CallCounts):
    """The calls of a day."""

    day: date


class RecentCall(Answer):
    """A call as dashboards list it."""

    id: UUID
    contact_id: UUID
    name: str
    phone: str
    outcome: Outcome
    lead_score: int | None
    summary: str | None
    started_at: datetime
    seconds: int


class CallsDashboard(Answer):
    """The calls of some days, in all, by day, and the latest of them."""

    since: date
    today: date
    total: CallCounts
    days: list[CallDay]
    latest: list[RecentCall]


class HourVolume(Answer):
    """The messages of the hour that begins at ``hour``."""

    hour: datetime
    incoming: int
    outgoing: int


class HourlyVolume(Answer):
    """The messages of some days by hour, in order."""

    since: date
    today: date
    hours: list[HourVolume]


class DomainDay(Answer):
    """The conversations opened in a domain on a day, and how many of them are resolved by now."""

    day: date
    domain: str
    conversations: int
    resolved: int


class DomainVolume(Answer):
    """The conversations of some days by domain, in order."""

    since: date
    today: date
    domains: list[DomainDay]
