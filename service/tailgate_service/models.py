"""The API's requests and answers, as OpenAPI describes them."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tailgate_service.fields import DomainText, Email, MessageText, Metadata, Phone, ShortText, TagName

Status = Literal["open", "pending", "resolved", "archived"]
MAX_TAGS = 20


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Health(_Answer):
    """The service serves, and its database answers."""

    status: Literal["ok"]
    variant: str


class Contact(_Answer):
    """A caller."""

    id: UUID
    name: str
    phone: str
    email: str | None
    created_at: datetime
    updated_at: datetime


class Note(_Answer):
    """What a member wrote about a contact."""

    id: UUID
    author_id: UUID | None
    body: str
    created_at: datetime


class Conversation(_Answer):
    """A conversation by itself."""

    id: UUID
    contact_id: UUID
    status: Status
    assigned_to: UUID | None
    channel: str
    domain: str
    metadata: dict[str, Any]
    unread_count: int
    last_message_at: datetime
    last_message_preview: str | None
    created_at: datetime


class Message(_Answer):
    """A message, incoming or outgoing."""

    id: UUID
    conversation_id: UUID
    direction: Literal["in", "out"]
    body: str
    sender_id: UUID | None
    provider_message_id: str | None
    metadata: dict[str, Any]
    status: Literal["received", "queued", "sent", "delivered", "read", "failed"]
    created_at: datetime


class Tag(_Answer):
    """A tag of the workspace."""

    id: UUID
    name: str
    color: str


class Member(_Answer):
    """A member of the team."""

    id: UUID
    name: str
    email: str
    role: str


class ContactCard(_Answer):
    """All that is wanted when a call comes in: notes and messages newest first, the latest conversation."""

    contact: Contact
    notes: list[Note]
    conversation: Conversation | None
    messages: list[Message]


class InboxItem(Conversation):
    """A conversation as the inbox lists it."""

    contact: Contact
    tags: list[Tag]


class Contacts(_Answer):
    """A page of contacts, the newest first; ``next_before`` asks for the page of older ones."""

    contacts: list[Contact]
    next_before: str | None


class Inbox(_Answer):
    """A page of conversations, the latest first, and what stands beside the list.

    ``next_before`` asks for the page after this one, wherever the conversations on this one have moved meanwhile.
    """

    conversations: list[InboxItem]
    page: int
    per_page: int
    has_more: bool
    next_before: str | None
    active_count: int
    team: list[Member]


class Thread(_Answer):
    """A page of a conversation's messages, newest first; ``next_before`` asks for the page of older ones."""

    conversation_id: UUID
    messages: list[Message]
    next_before: str | None


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Change(_Request):
    """What is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing to change: name at least one field")
        return self


class ContactRequest(_Request):
    """A contact to be; its number is that of no other contact of the workspace."""

    name: ShortText
    phone: Phone
    email: Email | None = None


class ContactChange(_Change):
    """What to change of a contact; what is left out stays as it is."""

    # The defaults are never used: what is not given is not changed.
    name: Annotated[ShortText, Field(default_factory=str)]
    phone: Annotated[Phone, Field(default_factory=str)]
    email: Email | None = None


class ConversationChange(_Change):
    """What to change of a conversation; what is left out stays as it is.

    ``assigned_to`` null unassigns, ``unread_count`` 0 marks as read, ``tags`` are the names of all that it is to have.
    """

    status: Annotated[Status, Field(default_factory=str)]
    assigned_to: UUID | None = None
    domain: Annotated[DomainText, Field(default_factory=str)]
    metadata: Annotated[Metadata, Field(default_factory=dict)]
    unread_count: Annotated[Literal[0], Field(default_factory=int)]
    tags: Annotated[
        frozenset[TagName],
        Field(default_factory=frozenset, max_length=MAX_TAGS, json_schema_extra={"uniqueItems": False}),
    ]


class SendRequest(_Request):
    """A message to send."""

    conversation_id: UUID
    body: MessageText
    sender_id: UUID | None = None
    metadata: Metadata = {}


class Belonging(_Answer):
    """A workspace that who asks may ask for, and as what; a key is no user."""

    workspace_id: UUID
    workspace: str
    user_id: UUID | None
    role: Literal["admin", "agent", "key"]


class Me(_Answer):
    """Who asks. A token ends, a key does not."""

    belongings: list[Belonging]
    expires_at: datetime | None


class LiveTicket(_Answer):
    """Lets one live connection in, once."""

    ticket: str
    expires_at: datetime


Outcome = Literal["answered", "missed", "voicemail", "failed"]


class Lead(_Answer):
    """A caller worth calling back, and the call that says so."""

    contact_id: UUID
    name: str
    phone: str
    call_id: UUID
    lead_score: int
    summary: str | None
    started_at: datetime


class Leads(_Answer):
    """The likeliest first."""

    leads: list[Lead]


class CallCounts(_Answer):
    """Calls by what became of them, and how long they took together."""

    answered: int
    missed: int
    voicemail: int
    failed: int
    seconds: int


class Pulse(_Answer):
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


class ActivityItem(_Answer):
    """A call or a message; ``detail`` is its outcome or its direction, ``text`` the begin of its summary or body."""

    kind: Literal["call", "message"]
    id: UUID
    at: datetime
    contact_id: UUID
    name: str
    detail: Outcome | Literal["in", "out"]
    text: str | None


class Activity(_Answer):
    """The latest first."""

    items: list[ActivityItem]


class CallDay(CallCounts):
    """The calls of a day."""

    day: date


class RecentCall(_Answer):
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


class CallsDashboard(_Answer):
    """The calls of some days, in all, by day, and the latest of them."""

    since: date
    today: date
    total: CallCounts
    days: list[CallDay]
    latest: list[RecentCall]


class HourVolume(_Answer):
    """The messages of the hour that begins at ``hour``."""

    hour: datetime
    incoming: int
    outgoing: int


class HourlyVolume(_Answer):
    """The messages of some days by hour, in order."""

    since: date
    today: date
    hours: list[HourVolume]


class DomainDay(_Answer):
    """The conversations opened in a domain on a day, and how many of them are resolved by now."""

    day: date
    domain: str
    conversations: int
    resolved: int


class DomainVolume(_Answer):
    """The conversations of some days by domain, in order."""

    since: date
    today: date
    domains: list[DomainDay]


class IntakeAnswer(_Answer):
    """What became of a delivery."""

    status: Literal["accepted", "duplicate"]
