"""What dashboards show, each panel by itself."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tailgate_service.days import Days
from tailgate_service.models.analytics import Activity, CallsDashboard, DomainVolume, HourlyVolume, Leads, Pulse

from tests.service.api.conftest import once

TODAY = date(2024, 5, 1)
PANELS = {
    "/api/analytics/leads": Leads,
    "/api/analytics/dashboard-pulse": Pulse,
    "/api/analytics/recent-activity": Activity,
    "/api/calls-dashboard": CallsDashboard,
    "/api/analytics/hourly-volume": HourlyVolume,
    "/api/analytics/domains": DomainVolume,
}


async def panel(client, path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return PANELS[path].model_validate_json(answer.content)


async def call(world, contact: UUID | None = None, minutes: float = 0, **columns: Any) -> UUID:
    """A call of a contact, so many minutes after the noon of ``TODAY``."""
    contact = contact or await world.contact(phone=f"+49 30 {await world.count('contacts'):07}")
    columns = {"outcome": "answered", "seconds": 60, "started_at": world.at(minutes)} | columns
    names = ", ".join(("workspace_id", "contact_id", *columns))
    values = ", ".join(f"${number}" for number in range(1, len(columns) + 3))
    statement = f"INSERT INTO calls ({names}) VALUES ({values}) RETURNING id"
    return await world.database.fetchval(statement, world.id, contact, *columns.values())


@pytest.mark.row("C1")
async def test_leads_are_who_sounded_likely_last_and_was_not_written_to_since(client, world):
    async def caller(number: int) -> UUID:
        return await world.contact(phone=f"+49 30 {number:07}", name=f"Caller {number}")

    hot, warm, cold, silent, cooled, answered, earlier = [await caller(number) for number in range(7)]
    best = await call(world, hot, lead_score=90, summary="Wants two hundred.")
    same = await call(world, warm, 5, lead_score=60)
    later = await call(world, earlier, 6, lead_score=60)
    await call(world, cold, lead_score=59)
    await call(world, silent, outcome="missed", lead_score=99)
    await call(world, silent, lead_score=None)
    await call(world, cooled, lead_score=95)
    await call(world, cooled, 1, lead_score=10)
    await call(world, answered, lead_score=80)
    written = await world.conversation(answered)
    await world.message(written, "We can do that.", direction="out", status="sent", created_at=world.at(1))
    asked = await world.conversation(hot)
    await world.message(asked, "Well?", created_at=world.at(2))
    before = await world.conversation(earlier)
    await world.message(before, "Hello", direction="out", status="sent", created_at=world.at(6))
    # A call missed after the last one answered changes nothing.
    await call(world, hot, 9, outcome="missed")

    leads = (await panel(client, "/api/analytics/leads")).leads
    assert [lead.call_id for lead in leads] == [best, later, same]
    assert (leads[0].contact_id, leads[0].name, leads[0].summary) == (hot, "Caller 0", "Wants two hundred.")
    assert [lead.call_id for lead in (await panel(client, "/api/analytics/leads", limit=1)).leads] == [best]


@pytest.mark.row("C2")
async def test_the_pulse_counts_the_day_and_what_waits(client, world):
    yesterday, tomorrow = -12 * 60 - 1 / 60, 12 * 60
    member = await world.user()
    contact = await world.contact()
    await world.database.execute("UPDATE contacts SET created_at = $2 WHERE id = $1", contact, world.at(0))
    open_ = await world.conversation(contact, created_at=world.at(0), unread_count=3, assigned_to=member)
    await world.conversation(contact, created_at=world.at(yesterday), status="pending", unread_count=1)
    await world.conversation(contact, created_at=world.at(tomorrow), status="resolved")
    for minutes, direction in ((0, "in"), (1, "in"), (2, "out"), (yesterday, "in"), (tomorrow, "out")):
        await world.message(open_, "x", direction=direction, status="sent", created_at=world.at(minutes))
    await call(world, contact, -12 * 60)
    await call(world, contact, outcome="failed", seconds=0)
    await call(world, contact, tomorrow, outcome="voicemail")

    assert (await panel(client, "/api/analytics/dashboard-pulse", today=TODAY)).model_dump() == {
        "day": TODAY,
        "conversations": 1,
        "active": 2,
        "unassigned": 1,
        "unread": 4,
        "contacts": 1,
        "incoming": 2,
        "outgoing": 1,
        "calls": {"answered": 1, "missed": 0, "voicemail": 0, "failed": 1, "seconds": 60},
    }


@pytest.mark.row("C2")
async def test_recent_activity_mixes_calls_and_messages_the_latest_first(client, world):
    contact = await world.contact(name="Cora")
    conversation = await world.conversation(contact)
    first = await world.message(conversation, "x" * 500, created_at=world.at(1))
    second = await call(world, contact, 2, summary=None, outcome="missed")
    third = await world.message(conversation, "Done!", direction="out", status="sent", created_at=world.at(3))
    fourth = await call(world, contact, 4, summary="y" * 500)

    items = (await panel(client, "/api/analytics/recent-activity")).items
    assert [(item.kind, item.id) for item in items] == [
        ("call", fourth),
        ("message", third),
        ("call", second),
        ("message", first),
    ]
    assert [item.detail for item in items] == ["answered", "out", "missed", "in"]
    assert [item.text for item in items] == ["y" * 120, "Done!", None, "x" * 120]
    assert {(item.contact_id, item.name) for item in items} == {(contact, "Cora")}
    limited = (await panel(client, "/api/analytics/recent-activity", limit=3)).items
    assert limited == items[:3]


@pytest.mark.row("C2")
async def test_the_calls_dashboard_counts_by_day_and_lists_the_latest(client, world):
    day = 24 * 60
    contact = await world.contact(name="Cora", phone="+49 30 55")
    early = await call(world, contact, -2 * day, outcome="voicemail", seconds=7)
    await call(world, contact, -3 * day)
    late = await call(world, contact, 1, lead_score=70, summary="Wants one.")
    await call(world, contact, outcome="missed", seconds=0)
    await call(world, contact, day)

    shown = await panel(client, "/api/calls-dashboard", today=TODAY, days=3)
    assert (shown.since, shown.today) == (date(2024, 4, 29), TODAY)
    assert [(one.day, one.answered, one.missed, one.voicemail, one.failed, one.seconds) for one in shown.days] == [
        (date(2024, 4, 29), 0, 0, 1, 0, 7),
        (TODAY, 1, 1, 0, 0, 60),
    ]
    assert shown.total.model_dump() == {"answered": 1, "missed": 1, "voicemail": 1, "failed": 0, "seconds": 67}
    assert [one.id for one in shown.latest][:1] == [late]
    assert shown.latest[-1].id == early
    assert (shown.latest[0].name, shown.latest[0].phone, shown.latest[0].lead_score) == ("Cora", "+49 30 55", 70)


@pytest.mark.row("B9")
async def test_hourly_volume_counts_messages_by_hour_and_direction(client, world):
    conversation = await world.conversation()
    for minutes in (0, 59, 60, -24 * 60, 24 * 60):
        await world.message(conversation, "x", created_at=world.at(minutes))
    await world.message(conversation, "x", direction="out", status="sent", created_at=world.at(1))
    shown = await panel(client, "/api/analytics/hourly-volume", today=TODAY, days=1)
    assert [(one.hour, one.incoming, one.outgoing) for one in shown.hours] == [
        (world.at(0), 2, 1),
        (world.at(60), 1, 0),
    ]


@pytest.mark.row("B6")
@pytest.mark.row("B9")
async def test_domains_count_what_was_opened_by_day_and_how_much_of_it_is_resolved(client, world):
    for minutes, domain, status in (
        (0, "sales", "open"),
        (1, "sales", "resolved"),
        (2, "billing", "archived"),
        (-24 * 60, "sales", "resolved"),
        (-48 * 60, "sales", "open"),
        (24 * 60, "sales", "open"),
    ):
        await world.conversation(created_at=world.at(minutes), domain=domain, status=status)
    shown = await panel(client, "/api/analytics/domains", today=TODAY, days=2)
    assert [(one.day, one.domain, one.conversations, one.resolved) for one in shown.domains] == [
        (date(2024, 4, 30), "sales", 1, 1),
        (TODAY, "billing", 1, 0),
        (TODAY, "sales", 2, 1),
    ]


async def test_messages_of_before_they_knew_their_workspace_count_as_well(client, world, variant):
    if variant != "sequential":
        return  # its schema has none
    conversation = await world.conversation()
    message = await world.message(conversation, "x", created_at=world.at(0))
    await world.database.execute("UPDATE messages SET workspace_id = NULL WHERE id = $1", message)
    assert (await panel(client, "/api/analytics/dashboard-pulse", today=TODAY)).incoming == 1
    assert len((await panel(client, "/api/analytics/hourly-volume", today=TODAY)).hours) == 1
    assert [item.id for item in (await panel(client, "/api/analytics/recent-activity")).items] == [message]


@pytest.mark.parametrize("path", PANELS)
async def test_a_workspace_without_anything_is_shown_as_that(client, path):
    shown = (await panel(client, path)).model_dump()
    assert not any(value for name, value in shown.items() if isinstance(value, list))


@pytest.mark.parametrize("path", PANELS)
async def test_no_panel_shows_another_workspace(client, elsewhere, path):
    contact = await elsewhere.contact()
    now = datetime.now(UTC)
    conversation = await elsewhere.conversation(contact, unread_count=1)
    await elsewhere.message(conversation, "secret")
    await call(elsewhere, contact, started_at=now, lead_score=90)
    await elsewhere.database.execute("UPDATE conversations SET created_at = now() WHERE id = $1", conversation)
    shown = await client.get(path)
    assert shown.status_code == 200
    assert "secret" not in shown.text
    assert str(contact) not in shown.text
    pulse = (await panel(client, "/api/analytics/dashboard-pulse")).model_dump()
    assert set(pulse.pop("calls").values()) == {0}
    assert {value for name, value in pulse.items() if name != "day"} == {0}


@pytest.mark.parametrize("path", [path for path in PANELS if "leads" not in path and "activity" not in path])
@pytest.mark.parametrize("day", ["0001-01-01", "0001-02-03", "9999-12-31"])
async def test_any_day_of_the_calendar_may_count_as_today(client, path, day):
    params = {"today": day} if "pulse" in path else {"today": day, "days": 90}
    shown = (await client.get(path, params=params)).json()
    assert day in (shown.get("today"), shown.get("day"))


@once
@pytest.mark.parametrize(
    ("path", "params", "field"),
    [
        ("/api/analytics/leads", {"limit": 0}, "limit"),
        ("/api/analytics/recent-activity", {"limit": 101}, "limit"),
        ("/api/analytics/dashboard-pulse", {"today": "0"}, "today"),
        ("/api/analytics/dashboard-pulse", {"today": "2024-02-30"}, "today"),
        ("/api/analytics/dashboard-pulse", {"today": "2024-05-01T12:00:00"}, "today"),
        ("/api/calls-dashboard", {"days": 91}, "days"),
        ("/api/analytics/hourly-volume", {"days": 0}, "days"),
        ("/api/analytics/domains", {"days": "all"}, "days"),
    ],
)
async def test_what_a_panel_cannot_show_is_refused_by_name(client, path, params, field):
    answer = await client.get(path, params=params)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_days_are_whole_and_end_with_today():
    days = Days(today=TODAY, count=2)
    assert days.first == date(2024, 4, 30)
    assert days.since == datetime(2024, 4, 30, tzinfo=UTC)
    assert days.until == datetime(2024, 5, 2, tzinfo=UTC)
    assert days.until - days.since == timedelta(days=2)
