"""What every variant of the data layer must do, and the values that go in.

A store is made of parts, one for each resource of the API; each variant has its own of those in which variants differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from tailgate_service.cursor import Cursor
from tailgate_service.days import Days
from tailgate_service.identity import Identity
from tailgate_service.settings import Variant
from tailgate_service.store.voice import Agents

Document = dict[str, Any]
"""A JSON object in the making, shaped as the response model that the method names; UUIDs and datetimes stay
as they are until the response is written."""

Answer = Document | bytes
"""A document, or the JSON of one, ready to be sent."""

Intake = Literal["accepted", "duplicate"]

ACTIVE = ("open", "pending")
CARD_NOTES = 20
CARD_MESSAGES = 20
PREVIEW_CHARACTERS = 120
NO_MEMBER = "no member of this workspace"
NO_TAG = "no tag of this workspace"
PHONE_TAKEN = "another contact of this workspace has that phone number"


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """A workspace as its API key finds it."""

    id: UUID
    name: str
    api_key_sha256: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """One workspace of a person, and as what she belongs to it."""

    workspace_id: UUID
    name: str
    user_id: UUID
    role: Literal["admin", "agent"]


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxQuery:
    """Filters, all of which must hold, and a place in the inbox.

    ``tags`` are names, each of which a conversation must have. Each word of ``search`` must begin a word of the
    contact's name, its phone's digits, or a word of the preview. ``page`` counts from 1: from the top, or from what
    follows ``before``.
    """

    status: str | None = None
    active: bool | None = None
    assigned_to: UUID | Literal["unassigned"] | None = None
    tags: frozenset[str] = frozenset()
    domain: str | None = None
    search: str | None = None
    page: int = 1
    before: Cursor | None = None
    per_page: int = 25

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.page - 1) * self.per_page


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactQuery:
    """Contacts to list; each word of ``search`` must begin a word of the name, or the phone's digits."""

    search: str | None = None
    before: Cursor | None = None
    limit: int = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One incoming message as the provider delivered it; ``sent_at`` is never in the future.

    ``metadata`` is of the message, ``about`` of the conversation, which has it when the message opens it.
    """

    phone_number_id: str
    provider_message_id: str
    phone: str
    name: str | None
    body: str
    sent_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A message to send."""

    conversation_id: UUID
    body: str
    sender_id: UUID | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What happened: ``body`` is JSON, ``at`` the moment as JSON shows it."""

    number: int
    kind: str
    at: str
    body: str


class Access(Protocol):
    """What is asked before it is known who asks."""

    async def ping(self) -> None:
        """Return once the database has answered a statement."""
        ...

    async def workspace_by_key(self, key_sha256: bytes) -> Workspace | None:
        """The workspace whose key hashes to ``key_sha256``."""
        ...

    async def memberships(self, subject: str) -> Sequence[Membership]:
        """The workspaces of the person whom an issuer of tokens calls ``subject``."""
        ...

    async def lets_in(self, who: Identity) -> bool:
        """Whether what ``who`` showed would let in as the same today; the end of a token apart."""
        ...

    async def issue_ticket(self, who: Identity, sha256: bytes, *, seconds: float) -> datetime:
        """Keep a ticket of that hash, by which ``who`` can come in once; when it ends."""
        ...

    async def redeem_ticket(self, sha256: bytes) -> Identity | None:
        """Who was given the ticket of that hash, which is used up by asking; None for one that lets nobody in."""
        ...


class Contacts(Protocol):
    """Callers."""

    async def card(self, who: Identity, phone_digits: str) -> Answer:
        """``models.ContactCard`` of the caller; raises ``UnknownError``."""
        ...

    async def page(self, who: Identity, query: ContactQuery) -> Answer:
        """``models.Contacts``: the newest first."""
        ...

    async def contact(self, who: Identity, contact_id: UUID) -> Answer:
        """``models.Contact``; raises ``UnknownError``."""
        ...

    async def create(self, who: Identity, values: Mapping[str, Any]) -> Document:
        """Store a contact (``name``, ``phone``, ``email``): ``models.Contact``; raises ``TakenError``."""
        ...

    async def update(self, who: Identity, contact_id: UUID, values: Mapping[str, Any]) -> Document:
        """Change what ``values`` has of these: ``models.Contact``; raises ``UnknownError``, ``TakenError``."""
        ...

    async def delete(self, who: Identity, contact_id: UUID) -> None:
        """Remove a contact and all that belongs to it, for good; raises ``UnknownError``."""
        ...


class Conversations(Protocol):
    """The inbox, its threads, and messages in and out."""

    async def inbox(self, who: Identity, query: InboxQuery) -> Answer:
        """``models.Inbox``: newest conversation first."""
        ...

    async def thread(self, who: Identity, conversation_id: UUID, *, limit: int, before: Cursor | None) -> Answer:
        """``models.Thread``: newest message first; raises ``UnknownError``."""
        ...

    async def send(self, who: Identity, message: Outgoing) -> Document:
        """Store an outgoing message: ``models.Message``; raises ``UnknownError``, ``UnfitError``."""
        ...

    async def change(self, who: Identity, conversation_id: UUID, values: Mapping[str, Any]) -> Document:
        """Change a conversation: ``models.InboxItem``; raises ``UnknownError``, ``UnfitError``.

        ``values`` has any of ``status``, ``assigned_to``, ``domain``, ``metadata``, ``unread_count``, and ``tags``: the
        names of all that it has from then on.
        """
        ...

    async def take_in(self, delivery: Delivery) -> Intake:
        """Store an incoming message once, however often and in whatever order it comes.

        One transaction: contact found or made by its phone's digits, active conversation found or opened,
        message inserted, conversation brought forward (never back in time). A duplicate changes nothing.
        Raises ``UnknownError``.
        """
        ...


class Analytics(Protocol):
    """What dashboards ask."""

    async def leads(self, who: Identity, *, limit: int) -> Document:
        """``models.Leads``: who sounded likely to buy in the last call answered, and was not written to since."""
        ...

    async def pulse(self, who: Identity, today: Days) -> Document:
        """``models.Pulse``: one day in numbers."""
        ...

    async def recent_activity(self, who: Identity, *, limit: int) -> Document:
        """``models.Activity``: calls and messages, the latest first."""
        ...

    async def calls(self, who: Identity, days: Days) -> Document:
        """``models.CallsDashboard``: calls by day and outcome, and the latest of them."""
        ...

    async def hourly_volume(self, who: Identity, days: Days) -> Document:
        """``models.HourlyVolume``: messages by hour and direction."""
        ...

    async def domains(self, who: Identity, days: Days) -> Document:
        """``models.DomainVolume``: conversations by day and domain."""
        ...


class Events(Protocol):
    """What happened in a workspace, numbered without a gap in the order of commits."""

    async def last(self, who: Identity) -> int:
        """The number of the last event; 0 before the first."""
        ...

    async def after(self, who: Identity, number: int, *, limit: int) -> Sequence[Event]:
        """The events that follow a number, in order."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """One way of reading and writing the database. Every variant answers the same, document for document."""

    variant: Variant
    access: Access
    contacts: Contacts
    conversations: Conversations
    analytics: Analytics
    events: Events
    agents: Agents


def preview(body: str) -> str:
    """What the inbox shows of a message."""
    return body[:PREVIEW_CHARACTERS]
