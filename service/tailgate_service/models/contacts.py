"""Contacts, by themselves."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from tailgate_service.fields import Email, Phone, VisibleName
from tailgate_service.models.base import Answer, Change, Request


class Contact(Answer):
    """A caller."""

    id: UUID
    name: str
    phone: str
    email: str | None
    created_at: datetime
    updated_at: datetime


class Note(Answer):
    """What a member wrote about a contact."""

    id: UUID
    author_id: UUID | None
    body: str
    created_at: datetime


class Contacts(Answer):
    """A page of contacts, the newest first; ``next_before`` asks for the page of older ones."""

    contacts: list[Contact]
    next_before: str | None


class ContactRequest(Request):
    """A contact to be; its number is that of no other contact of the workspace."""

    name: VisibleName
    phone: Phone
    email: Email | None = None


class ContactChange(Change):
    """What to change of a contact; what is left out stays as it is."""

    # The defaults are never used: what is not given is not changed.
    name: Annotated[VisibleName, Field(default_factory=str)]
    phone: Annotated[Phone, Field(default_factory=str)]
    email: Email | None = None
