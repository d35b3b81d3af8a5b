"""What dashboards show: each panel by itself, so that one that fails takes no other along."""

import re
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator

from tailgate_service.auth import IdentityOf
from tailgate_service.context import StoreOf
from tailgate_service.days import Days
from tailgate_service.models.analytics import Activity, CallsDashboard, DomainVolume, HourlyVolume, Leads, Pulse
from tailgate_service.problems import responses
from tailgate_service.routes import answer

router = APIRouter(tags=["analytics"])

MAX_LIMIT = 100
MAX_DAYS = 90
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_STATUSES = responses(401, 413, 422, 500, 503)


def _day(text: object) -> object:
    # A number would be taken for seconds since 1970.
    if isinstance(text, str) and not _DAY.fullmatch(text):
        raise ValueError("a day is written YYYY-MM-DD")
    return text


Today = Annotated[
    date | None,
    BeforeValidator(_day),
    Query(description="the day of UTC that counts as today", examples=["2025-06-01"]),
]
LastDays = Annotated[int, Query(ge=1, le=MAX_DAYS, description="so many days, today the last")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


@router.get("/api/analytics/leads", response_model=Leads, responses=_STATUSES)
async def leads(store: StoreOf, who: IdentityOf, limit: Limit = 50) -> Response:
    """List callers worth calling back, the likeliest first."""
    return answer.json(await store.analytics.leads(who, limit=limit))


@router.get("/api/analytics/dashboard-pulse", response_model=Pulse, responses=_STATUSES)
async def dashboard_pulse(store: StoreOf, who: IdentityOf, today: Today = None) -> Response:
    """Show the day in numbers, and what waits in the inbox now."""
    return answer.json(await store.analytics.pulse(who, _days(today, 1)))


@router.get("/api/analytics/recent-activity", response_model=Activity, responses=_STATUSES)
async def recent_activity(store: StoreOf, who: IdentityOf, limit: Limit = 20) -> Response:
    """List calls and messages, the latest first."""
    return answer.json(await store.analytics.recent_activity(who, limit=limit))


@router.get("/api/calls-dashboard", response_model=CallsDashboard, responses=_STATUSES)
async def calls_dashboard(store: StoreOf, who: IdentityOf, today: Today = None, days: LastDays = 7) -> Response:
    """Show calls by day and outcome, and the latest of them; a day without a call is left out."""
    return answer.json(await store.analytics.calls(who, _days(today, days)))


@router.get("/api/analytics/hourly-volume", response_model=HourlyVolume, responses=_STATUSES)
async def hourly_volume(store: StoreOf, who: IdentityOf, today: Today = None, days: LastDays = 7) -> Response:
    """Count messages by hour and direction; an hour without a message is left out."""
    return answer.json(await store.analytics.hourly_volume(who, _days(today, days)))


@router.get("/api/analytics/domains", response_model=DomainVolume, responses=_STATUSES)
async def domains(store: StoreOf, who: IdentityOf, today: Today = None, days: LastDays = 30) -> Response:
    """Count the conversations opened, and of them those resolved, by day and domain."""
    return answer.json(await store.analytics.domains(who, _days(today, days)))


def _days(today: date | None, count: int) -> Days:
    return Days(today=today or datetime.now(UTC).date(), count=count)
