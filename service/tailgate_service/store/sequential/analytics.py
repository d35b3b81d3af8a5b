"""What dashboards ask, step by step and from the tables; who is deleted between two steps is left out."""

from tailgate_service.days import Days
from tailgate_service.identity import Identity
from tailgate_service.store import reports
from tailgate_service.store.base import ACTIVE, Document, preview
from tailgate_service.store.database import Pool
from tailgate_service.store.documents import pick, picked
from tailgate_service.store.sequential.acting import acting

# Messages of before have no workspace of their own: all are found by their conversation.
_MESSAGES = "messages m JOIN conversations c ON c.id = m.conversation_id WHERE c.workspace_id = $1"
_MESSAGES_OF_DAYS = f"{_MESSAGES} AND m.created_at >= $2 AND m.created_at < $3"
_COUNTED = """count(*) FILTER (WHERE outcome = 'answered') AS answered,
       count(*) FILTER (WHERE outcome = 'missed') AS missed,
       count(*) FILTER (WHERE outcome = 'voicemail') AS voicemail,
       count(*) FILTER (WHERE outcome = 'failed') AS failed, coalesce(sum(seconds), 0) AS seconds
FROM calls WHERE workspace_id = $1 AND started_at >= $2 AND started_at < $3"""


class SequentialAnalytics:
    """See ``Analytics``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def leads(self, who: Identity, *, limit: int) -> Document:
        """See ``Analytics``."""
        async with acting(self._pool, who) as connection:
            calls = await connection.fetch(
                "SELECT DISTINCT ON (contact_id) * FROM calls WHERE workspace_id = $1 AND outcome = 'answered'"
                " ORDER BY contact_id, started_at DESC, id DESC",
                who.workspace_id,
            )
            likely = [call for call in calls if (call["lead_score"] or 0) >= reports.ACTIONABLE_SCORE]
            callers = [call["contact_id"] for call in likely]
            contacts = await connection.fetch("SELECT * FROM contacts WHERE id = ANY($1::uuid[])", callers)
            written_to = await connection.fetch(
                "SELECT c.contact_id, max(m.created_at) AS at"
                " FROM conversations c JOIN messages m ON m.conversation_id = c.id"
                " WHERE c.contact_id = ANY($1::uuid[]) AND m.direction = 'out' GROUP BY c.contact_id",
                callers,
            )
        known = {contact["id"]: contact for contact in contacts}
        answers = {row["contact_id"]: row["at"] for row in written_to}
        waiting = [
            call
            for call in likely
            if call["contact_id"] in known
            and (call["contact_id"] not in answers or answers[call["contact_id"]] <= call["started_at"])
        ]
        waiting.sort(key=lambda call: (call["lead_score"], call["started_at"], call["id"]), reverse=True)
        leads = [{**known[call["contact_id"]], **call, "call_id": call["id"]} for call in waiting[:limit]]
        return {"leads": picked(reports.LEAD, leads)}

    async def pulse(self, who: Identity, today: Days) -> Document:
        """See ``Analytics``."""
        day = who.workspace_id, today.since, today.until
        async with acting(self._pool, who) as connection:
            opened = await connection.fetchval(
                "SELECT count(*) FROM conversations WHERE workspace_id = $1 AND created_at >= $2 AND created_at < $3",
                *day,
            )
            active = await connection.fetchval(
                "SELECT count(*) FROM conversations WHERE workspace_id = $1 AND status = ANY($2::text[])",
                who.workspace_id,
                ACTIVE,
            )
            unassigned = await connection.fetchval(
                "SELECT count(*) FROM conversations"
                " WHERE workspace_id = $1 AND status = ANY($2::text[]) AND assigned_to IS NULL",
                who.workspace_id,
                ACTIVE,
            )
            unread = await connection.fetchval(
                "SELECT coalesce(sum(unread_count), 0) FROM conversations WHERE workspace_id = $1", who.workspace_id
            )
            contacts = await connection.fetchval(
                "SELECT count(*) FROM contacts WHERE workspace_id = $1 AND created_at >= $2 AND created_at < $3", *day
            )
            incoming = await connection.fetchval(
                f"SELECT count(*) FROM {_MESSAGES_OF_DAYS} AND m.direction = 'in'", *day
            )
            outgoing = await connection.fetchval(
                f"SELECT count(*) FROM {_MESSAGES_OF_DAYS} AND m.direction = 'out'", *day
            )
            calls = await connection.fetchrow(f"SELECT {_COUNTED}", *day)
        return {
            "day": today.today,
            "conversations": opened,
            "active": active,
            "unassigned": unassigned,
            "unread": unread,
            "contacts": contacts,
            "incoming": incoming,
            "outgoing": outgoing,
            "calls": pick(reports.CALLS, calls),
        }

    async def recent_activity(self, who: Identity, *, limit: int) -> Document:
        """See ``Analytics``."""
        async with acting(self._pool, who) as connection:
            messages = await connection.fetch(
                f"SELECT m.*, c.contact_id FROM {_MESSAGES} ORDER BY m.created_at DESC, m.id DESC LIMIT $2",
                who.workspace_id,
                limit,
            )
            calls = await connection.fetch(
                "SELECT * FROM calls WHERE workspace_id = $1 ORDER BY started_at DESC, id DESC LIMIT $2",
                who.workspace_id,
                limit,
            )
            contacts = await connection.fetch(
                "SELECT * FROM contacts WHERE id = ANY($1::uuid[])", [row["contact_id"] for row in (*messages, *calls)]
            )
        named = {contact["id"]: contact["name"] for contact in contacts}
        items = [
            *({**row, "kind": "message", "detail": row["direction"], "text": row["body"], "at": row["created_at"]}
              for row in messages),
            *({**row, "kind": "call", "detail": row["outcome"], "text": row["summary"], "at": row["started_at"]}
              for row in calls),
        ]  # fmt: skip
        for item in items:
            item["name"] = named.get(item["contact_id"])
            item["text"] = item["text"] and preview(item["text"])
        return reports.activity((item for item in items if item["contact_id"] in named), limit)

    async def calls(self, who: Identity, days: Days) -> Document:
        """See ``Analytics``."""
        window = who.workspace_id, days.since, days.until
        async with acting(self._pool, who) as connection:
            by_day = await connection.fetch(
                f"SELECT (started_at AT TIME ZONE 'UTC')::date AS day, {_COUNTED} GROUP BY 1 ORDER BY 1", *window
            )
            latest = await connection.fetch(
                "SELECT * FROM calls WHERE workspace_id = $1 AND started_at >= $2 AND started_at < $3"
                " ORDER BY started_at DESC, id DESC LIMIT $4",
                *window,
                reports.LATEST_CALLS,
            )
            contacts = await connection.fetch(
                "SELECT * FROM contacts WHERE id = ANY($1::uuid[])", [call["contact_id"] for call in latest]
            )
        known = {contact["id"]: contact for contact in contacts}
        shown = [{**known[call["contact_id"]], **call} for call in latest if call["contact_id"] in known]
        return reports.calls(days, by_day, shown)

    async def hourly_volume(self, who: Identity, days: Days) -> Document:
        """See ``Analytics``."""
        async with acting(self._pool, who) as connection:
            rows = await connection.fetch(
                "SELECT date_trunc('hour', m.created_at, 'UTC') AS hour,"
                " count(*) FILTER (WHERE m.direction = 'in') AS incoming,"
                " count(*) FILTER (WHERE m.direction = 'out') AS outgoing"
                f" FROM {_MESSAGES_OF_DAYS} GROUP BY 1 ORDER BY 1",
                who.workspace_id,
                days.since,
                days.until,
            )
        return reports.over(days, hours=picked(reports.HOUR, rows))

    async def domains(self, who: Identity, days: Days) -> Document:
        """See ``Analytics``."""
        async with acting(self._pool, who) as connection:
            rows = await connection.fetch(
                "SELECT (created_at AT TIME ZONE 'UTC')::date AS day, domain, count(*) AS conversations,"
                " count(*) FILTER (WHERE status = 'resolved') AS resolved"
                " FROM conversations WHERE workspace_id = $1 AND created_at >= $2 AND created_at < $3"
                " GROUP BY 1, 2 ORDER BY 1, 2",
                who.workspace_id,
                days.since,
                days.until,
            )
        return reports.over(days, domains=picked(reports.DOMAIN_DAY, rows))
