"""Tickets for live connections, to which a browser can give no header: shown in the address instead, good once."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from tailgate_service.identity import Identity
from tailgate_service.store.base import Access

LASTS = 30.0
"""Seconds."""
MAX_TICKET = 64
"""Characters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """Lets one connection in until ``expires_at``."""

    text: str = field(repr=False)
    expires_at: datetime


async def issue(access: Access, who: Identity) -> Ticket:
    """A ticket for ``who``, good in any process; the database keeps nothing but its hash."""
    text = secrets.token_urlsafe(32)
    return Ticket(text=text, expires_at=await access.issue_ticket(who, _digest(text), seconds=LASTS))


async def redeem(access: Access, ticket: str) -> Identity | None:
    """Who was given ``ticket``, for the first who asks.

    None for one that is unknown, used or late, and when what was shown for it would not let in any more.
    """
    return await access.redeem_ticket(_digest(ticket)) if len(ticket) <= MAX_TICKET else None


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode("utf-8", "replace")).digest()
