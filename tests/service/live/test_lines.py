"""What goes down a line, to the byte, and which farewell is said."""

import asyncio

from tailgate_service.live.connection import GOING_AWAY, NO_ACCESS, Connection
from tailgate_service.live.hub import Hub
from tailgate_service.live.lines import EventsLine
from tailgate_service.live.metrics import LiveMetrics

from tests.service.live.test_hub import Stuck
from tests.service.live.test_rooms import HERE, Database, hear


async def test_a_stream_says_when_to_come_back_after_what_to_go_on_and_that_it_is_over():
    sent = []

    async def send(message) -> None:
        sent.append((message["body"].decode(), message["more_body"]))

    line = EventsLine(None, send)
    await line.begin()
    await line.say("message", "{}", number=7)
    await line.say("heartbeat", "{}")
    await line.close(NO_ACCESS)
    assert sent[:3] == [
        ("retry: 1000\n\n", True),
        ("id: 7\nevent: message\ndata: {}\n\n", True),
        ("event: heartbeat\ndata: {}\n\n", True),
    ]
    text, more = sent[3]
    assert text.startswith('event: bye\ndata: {"kind":"bye","code":4401,')
    assert not more


async def test_of_two_farewells_the_first_is_said():
    line = Stuck()
    connection = Connection(line, HERE, await Hub(Database()).follow(HERE, None), LiveMetrics())
    connection.end(GOING_AWAY)
    connection.end(NO_ACCESS)
    await connection.serve()
    assert line.farewell is GOING_AWAY


async def test_how_late_events_are_is_measured_of_news_and_not_of_catching_up():
    feeds, line, metrics = Hub(Database(2)), Stuck(), LiveMetrics()
    serving = asyncio.create_task(Connection(line, HERE, await feeds.follow(HERE, 0), metrics).serve())

    async def said(count: int) -> str:
        async with asyncio.timeout(10):
            while len(line.said) < count:  # noqa: ASYNC110 - who is served sets no event
                await asyncio.sleep(0)
        return "".join(metrics.text(openmetrics=False))

    assert 'tailgate_live_lag_seconds_count{transport="websocket"} 0' in await said(3)
    hear(feeds, HERE, 3)
    assert 'tailgate_live_lag_seconds_count{transport="websocket"} 1' in await said(4)
    serving.cancel()
