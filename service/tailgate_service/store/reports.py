"""What dashboards show, and how rows become documents."""

from collections.abc import Iterable, Mapping
from typing import Any

from tailgate_service.days import Days
from tailgate_service.store.base import Document
from tailgate_service.store.documents import picked

ACTIONABLE_SCORE = 60
"""From here on a caller is worth calling back; ``view_actionable_leads`` says the same."""
LATEST_CALLS = 20

LEAD = ("contact_id", "name", "phone", "call_id", "lead_score", "summary", "started_at")
CALLS = ("answered", "missed", "voicemail", "failed", "seconds")
CALL = ("id", "contact_id", "name", "phone", "outcome", "lead_score", "summary", "started_at", "seconds")
ACTIVITY = ("kind", "id", "at", "contact_id", "name", "detail", "text")
DOMAIN_DAY = ("day", "domain", "conversations", "resolved")
HOUR = ("hour", "incoming", "outgoing")


def over(days: Days, /, **lists: list[Document]) -> Document:
    """A report on ``days``."""
    return {"since": days.first, "today": days.today, **lists}


def calls(days: Days, by_day: Iterable[Mapping[str, Any]], latest: Iterable[Mapping[str, Any]]) -> Document:
    """``models.CallsDashboard`` from the counts of each day that had calls."""
    counted = picked(("day", *CALLS), by_day)
    total = {name: sum(day[name] for day in counted) for name in CALLS}
    return over(days, days=counted, latest=picked(CALL, latest)) | {"total": total}


def activity(items: Iterable[Mapping[str, Any]], limit: int) -> Document:
    """``models.Activity``: the latest of all; of two at one moment, that with the larger id comes first."""
    latest = sorted(items, key=lambda item: (item["at"], item["id"]), reverse=True)
    return {"items": picked(ACTIVITY, latest[:limit])}
