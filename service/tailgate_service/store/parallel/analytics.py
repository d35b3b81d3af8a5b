"""What dashboards ask: through the views, and what is independent at once."""

import asyncio
import logging
from typing import Any

import asyncpg

from tailgate_service.days import Days
from tailgate_service.identity import Identity
from tailgate_service.store import reports
from tailgate_service.store.base import ACTIVE, PREVIEW_CHARACTERS, Document
from tailgate_service.store.database import Pool
from tailgate_service.store.documents import picked
from tailgate_service.store.parallel.told import told, told_by

log = logging.getLogger(__name__)

_LEADS = """
SELECT l.contact_id, l.name, l.phone, l.call_id, l.lead_score, l.summary, l.started_at
FROM {source} l WHERE l.workspace_id = me.workspace
ORDER BY l.lead_score DESC, l.started_at DESC, l.call_id DESC LIMIT $3"""
_LEADS_VIEW = told(_LEADS.format(source="view_actionable_leads"))
_LEADS_TABLES = told(
    _LEADS.format(
        source=f"""(
    SELECT k.workspace_id, k.id AS contact_id, k.name, k.phone, a.id AS call_id, a.lead_score, a.summary, a.started_at
    FROM (
        SELECT DISTINCT ON (contact_id) contact_id, id, lead_score, summary, started_at
        FROM calls WHERE workspace_id = me.workspace AND outcome = 'answered'
        ORDER BY contact_id, started_at DESC, id DESC
    ) a JOIN contacts k ON k.id = a.contact_id
    WHERE a.lead_score >= {reports.ACTIONABLE_SCORE} AND NOT EXISTS (
        SELECT FROM conversations c JOIN messages m ON m.conversation_id = c.id
        WHERE c.contact_id = k.id AND m.direction = 'out' AND m.created_at > a.started_at
    )
)"""
    )
)

_DOMAINS = """
SELECT v.day, v.domain, v.conversations, v.resolved
FROM {source} v WHERE v.workspace_id = me.workspace AND v.day BETWEEN $3 AND $4
ORDER BY v.day, v.domain"""
_DOMAINS_VIEW = told(_DOMAINS.format(source="view_conversation_volume"))
_DOMAINS_TABLES = told(
    _DOMAINS.format(
        source="""(
    SELECT workspace_id, domain, (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS conversations,
           count(*) FILTER (WHERE status = 'resolved') AS resolved
    FROM conversations GROUP BY workspace_id, domain, (created_at AT TIME ZONE 'UTC')::date
)"""
    )
)

_INBOX_PULSE = told("""
SELECT count(*) FILTER (WHERE created_at >= $3 AND created_at < $4) AS conversations,
       count(*) FILTER (WHERE status = ANY($5::text[])) AS active,
       count(*) FILTER (WHERE status = ANY($5::text[]) AND assigned_to IS NULL) AS unassigned,
       coalesce(sum(unread_count), 0) AS unread
FROM conversations WHERE workspace_id = me.workspace""")
_CONTACTS_PULSE = told("""
SELECT count(*) AS contacts FROM contacts
WHERE workspace_id = me.workspace AND created_at >= $3 AND created_at < $4""")
_MESSAGES_PULSE = told("""
SELECT count(*) FILTER (WHERE direction = 'in') AS incoming, count(*) FILTER (WHERE direction = 'out') AS outgoing
FROM messages WHERE workspace_id = me.workspace AND created_at >= $3 AND created_at < $4""")

_COUNTED = """count(*) FILTER (WHERE outcome = 'answered') AS answered,
       count(*) FILTER (WHERE outcome = 'missed') AS missed,
       count(*) FILTER (WHERE outcome = 'voicemail') AS voicemail,
       count(*) FILTER (WHERE outcome = 'failed') AS failed, coalesce(sum(seconds), 0) AS seconds
FROM calls WHERE workspace_id = me.workspace AND started_at >= $3 AND started_at < $4"""
_CALLS_PULSE = told(f"SELECT {_COUNTED}")
_CALLS_BY_DAY = told(f"SELECT (started_at AT TIME ZONE 'UTC')::date AS day, {_COUNTED} GROUP BY 1 ORDER BY 1")
_CALLS_LATEST = told("""
SELECT a.id, a.contact_id, k.name, k.phone, a.outcome, a.lead_score, a.summary, a.started_at, a.seconds
FROM (
    SELECT id, contact_id, outcome, lead_score, summary, started_at, seconds
    FROM calls WHERE workspace_id = me.workspace AND started_at >= $3 AND started_at < $4
    ORDER BY started_at DESC, id DESC LIMIT $5
) a JOIN contacts k ON k.id = a.contact_id
ORDER BY a.started_at DESC, a.id DESC""")

_ACTIVITY_MESSAGES = told("""
SELECT 'message' AS kind, m.id, m.created_at AS at, k.id AS contact_id, k.name, m.direction AS detail, m.text
FROM (
    SELECT id, conversation_id, direction, left(body, $4) AS text, created_at
    FROM messages WHERE workspace_id = me.workspace ORDER BY created_at DESC, id DESC LIMIT $3
) m JOIN conversations c ON c.id = m.conversation_id JOIN contacts k ON k.id = c.contact_id""")
_ACTIVITY_CALLS = told("""
SELECT 'call' AS kind, a.id, a.started_at AS at, k.id AS contact_id, k.name, a.outcome AS detail, a.text
FROM (
    SELECT id, contact_id, outcome, left(summary, $4) AS text, started_at
    FROM calls WHERE workspace_id = me.workspace ORDER BY started_at DESC, id DESC LIMIT $3
) a JOIN contacts k ON k.id = a.contact_id""")

_HOURLY = told("""
SELECT date_trunc('hour', created_at, 'UTC') AS hour, count(*) FILTER (WHERE direction = 'in') AS incoming,
       count(*) FILTER (WHERE direction = 'out') AS outgoing
FROM messages WHERE workspace_id = me.workspace AND created_at >= $3 AND created_at < $4 GROUP BY 1 ORDER BY 1""")

# A view that is gone, is not ours to read, or has other columns.
_NO_VIEW = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InsufficientPrivilegeError)


class ParallelAnalytics:
    """See ``Analytics``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._missed: set[str] = set()

    async def leads(self, who: Identity, *, limit: int) -> Document:
        """See ``Analytics``."""
        rows = await self._through("view_actionable_leads", _LEADS_VIEW, _LEADS_TABLES, *told_by(who), limit)
        return {"leads": picked(reports.LEAD, rows)}

    async def pulse(self, who: Identity, today: Days) -> Document:
        """See ``Analytics``."""
        day = *told_by(who), today.since, today.until
        inbox, contacts, messages, calls = await asyncio.gather(
            self._pool.fetchrow(_INBOX_PULSE, *day, ACTIVE),
            self._pool.fetchrow(_CONTACTS_PULSE, *day),
            self._pool.fetchrow(_MESSAGES_PULSE, *day),
            self._pool.fetchrow(_CALLS_PULSE, *day),
        )
        return {"day": today.today, **inbox, **contacts, **messages, "calls": dict(calls)}

    async def recent_activity(self, who: Identity, *, limit: int) -> Document:
        """See ``Analytics``."""
        arguments = *told_by(who), limit, PREVIEW_CHARACTERS
        messages, calls = await asyncio.gather(
            self._pool.fetch(_ACTIVITY_MESSAGES, *arguments), self._pool.fetch(_ACTIVITY_CALLS, *arguments)
        )
        return reports.activity([*messages, *calls], limit)

    async def calls(self, who: Identity, days: Days) -> Document:
        """See ``Analytics``."""
        window = *told_by(who), days.since, days.until
        by_day, latest = await asyncio.gather(
            self._pool.fetch(_CALLS_BY_DAY, *window),
            self._pool.fetch(_CALLS_LATEST, *window, reports.LATEST_CALLS),
        )
        return reports.calls(days, by_day, latest)

    async def hourly_volume(self, who: Identity, days: Days) -> Document:
        """See ``Analytics``."""
        rows = await self._pool.fetch(_HOURLY, *told_by(who), days.since, days.until)
        return reports.over(days, hours=picked(reports.HOUR, rows))

    async def domains(self, who: Identity, days: Days) -> Document:
        """See ``Analytics``."""
        rows = await self._through(
            "view_conversation_volume", _DOMAINS_VIEW, _DOMAINS_TABLES, *told_by(who), days.first, days.today
        )
        return reports.over(days, domains=picked(reports.DOMAIN_DAY, rows))

    async def _through(self, view: str, by_view: str, by_tables: str, *arguments: Any) -> list[Any]:
        """The rows of ``by_view``, or while there is no such view those of ``by_tables``; the view is always tried."""
        try:
            rows = await self._pool.fetch(by_view, *arguments)
        except _NO_VIEW as error:
            if view not in self._missed:
                self._missed.add(view)
                log.warning("%s: %s; until it is there again, its tables are read", view, error)
            return await self._pool.fetch(by_tables, *arguments)
        if view in self._missed:
            self._missed.remove(view)
            log.warning("%s is there again, and read", view)
        return rows
