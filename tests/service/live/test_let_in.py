"""Whoever is not let in any more is sent off, also when nobody could be told in time that she is not."""

import asyncio
from uuid import UUID

import pytest
from tailgate_service.identity import Identity
from tailgate_service.listener import Subscriber
from tailgate_service.live.connection import NO_ACCESS
from tailgate_service.live.live import Live

from tests.service.live.test_hub import Stuck
from tests.service.live.test_rooms import Database

WHO = Identity(workspace_id=UUID(int=1), proof=b"shown")


class Ears:
    """Tells its one subscriber what the test says."""

    subscriber: Subscriber

    def subscribe(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber


class Access:
    """Lets in while it does."""

    lets = True

    async def lets_in(self, who: Identity) -> bool:
        return self.lets


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def access() -> Access:
    return Access()


@pytest.fixture
def live(ears: Ears, access: Access) -> Live:
    made = Live(ears, Database(), access)
    ears.subscriber.again()
    return made


@pytest.mark.row("A9")
async def test_who_was_shut_out_between_the_question_and_the_connection_is_sent_off(live, access):
    subscription, line = await live.follow(WHO, None), Stuck()
    access.lets = False
    async with asyncio.timeout(10):
        await live.serve(line, WHO, subscription)
    assert line.farewell is NO_ACCESS


@pytest.mark.row("A9")
@pytest.mark.parametrize("told", [f"{WHO.workspace_id} {b'shown'.hex()}", None])
async def test_who_was_shut_out_is_sent_off_when_that_is_heard_or_may_have_been_missed(live, ears, access, told):
    line = Stuck()
    serving = asyncio.create_task(live.serve(line, WHO, await live.follow(WHO, None)))
    async with asyncio.timeout(10):
        while not line.said:  # noqa: ASYNC110 - who is served sets no event
            await asyncio.sleep(0)
        access.lets = False
        if told is None:
            ears.subscriber.lost()
            ears.subscriber.again()
        else:
            ears.subscriber.heard["access"](7, told)
        await serving
    assert line.farewell is NO_ACCESS
