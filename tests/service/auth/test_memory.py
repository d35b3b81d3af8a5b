"""Who may ask, kept in mind: never longer than it is true, and never more than its bound."""

import asyncio
import time
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from tailgate_service.auth.memory import MOST, TRUSTED, Memory, RememberedAccess
from tailgate_service.identity import Identity
from tailgate_service.store.base import Membership, Workspace

DIGEST = bytes(32)


class Database:
    """Answers when it is let, with what it holds when it is asked, and counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.id = uuid4()
        self.known = True
        self.members: list[Membership] = [self.member(self.id)]
        self.open = asyncio.Event()
        self.open.set()

    @staticmethod
    def member(workspace: UUID) -> Membership:
        return Membership(workspace_id=workspace, name="Test", user_id=uuid4(), role="agent")

    async def workspace_by_key(self, key_sha256: bytes) -> Workspace | None:
        self.asked += 1
        found = Workspace(id=self.id, name="Test", api_key_sha256=key_sha256) if self.known else None
        await self.open.wait()
        return found

    async def memberships(self, subject: str) -> list[Membership]:
        self.asked += 1
        found = list(self.members)
        await self.open.wait()
        return found

    async def lets_in(self, who: Identity) -> bool:
        self.asked += 1
        return True

    async def redeem_ticket(self, sha256: bytes) -> Identity | None:
        self.asked += 1
        return None

    async def issue_ticket(self, who: Identity, sha256: bytes, *, seconds: float) -> datetime:
        self.asked += 1
        return datetime.now(UTC)

    async def ping(self) -> None:
        self.asked += 1


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def memory() -> Memory:
    memory = Memory()
    memory.heard(time.monotonic() + 3600)
    return memory


@pytest.fixture
def access(database, memory) -> RememberedAccess:
    return RememberedAccess(database, memory)


async def test_what_was_found_is_not_asked_for_again(access, database):
    assert await access.workspace_by_key(DIGEST) == await access.workspace_by_key(DIGEST)
    assert await access.memberships("person") == await access.memberships("person")
    assert database.asked == 2


async def test_a_key_and_a_subject_of_the_same_text_are_two(access, database):
    await access.workspace_by_key(DIGEST)
    assert isinstance(await access.memberships("person"), list)
    assert database.asked == 2


async def test_what_was_not_found_is_asked_for_each_time(access, database):
    database.known, database.members = False, []
    for _ in range(2):
        assert await access.workspace_by_key(DIGEST) is None
        assert await access.memberships("person") == []
    assert database.asked == 4


async def test_tickets_and_whether_who_is_in_may_stay_are_asked_each_time(access, database):
    who = Identity(workspace_id=database.id)
    for _ in range(2):
        await access.lets_in(who)
        await access.issue_ticket(who, DIGEST, seconds=1)
        await access.redeem_ticket(DIGEST)
        await access.ping()
    assert database.asked == 8


@pytest.mark.row("A9")
async def test_what_changes_is_forgotten_and_nothing_else(access, database, memory):
    await access.workspace_by_key(DIGEST)
    memory.forget(uuid4(), b"another")
    await access.workspace_by_key(DIGEST)
    assert database.asked == 1
    memory.forget(uuid4(), DIGEST)
    await access.workspace_by_key(DIGEST)
    assert database.asked == 2
    memory.forget(database.id, None)
    await access.workspace_by_key(DIGEST)
    assert database.asked == 3


async def test_a_workspace_that_changes_is_forgotten_with_whoever_belongs_to_it(access, database, memory):
    database.members.append(database.member(second := uuid4()))
    await access.memberships("person")
    memory.forget(second, None)
    await access.memberships("person")
    assert database.asked == 2


@pytest.mark.row("A9")
async def test_an_answer_under_way_while_something_changes_is_not_kept(access, database, memory):
    database.open.clear()
    asking = asyncio.create_task(access.workspace_by_key(DIGEST))
    await asyncio.sleep(0)
    # It was read before this, and answers after it.
    database.known = False
    memory.forget(database.id, DIGEST)
    database.open.set()
    assert await asking is not None
    assert await access.workspace_by_key(DIGEST) is None


@pytest.mark.row("A9")
async def test_an_answer_under_way_while_nothing_is_heard_is_not_kept(access, database, memory):
    database.open.clear()
    asking = asyncio.create_task(access.workspace_by_key(DIGEST))
    await asyncio.sleep(0)
    database.known = False
    memory.forget_all()
    memory.heard(time.monotonic() + 3600)
    database.open.set()
    assert await asking is not None
    assert await access.workspace_by_key(DIGEST) is None


@pytest.mark.row("A9")
async def test_a_person_who_joins_a_workspace_and_a_key_of_one_that_changes_are_forgotten(access, database, memory):
    await access.memberships("person")
    database.members.append(joined := database.member(uuid4()))
    memory.forget(joined.workspace_id, sha256(b"person").digest())
    assert joined in await access.memberships("person")
    await access.workspace_by_key(DIGEST)
    memory.forget(database.id, sha256(b"somebody else").digest())
    await access.workspace_by_key(DIGEST)
    assert database.asked == 4


async def test_what_was_said_while_nobody_heard_counts_as_said(access, database, memory):
    await access.workspace_by_key(DIGEST)
    memory.forget_all()
    await access.workspace_by_key(DIGEST)
    await access.workspace_by_key(DIGEST)
    assert database.asked == 3
    memory.heard(time.monotonic() + 3600)
    await access.workspace_by_key(DIGEST)
    await access.workspace_by_key(DIGEST)
    assert database.asked == 4


@pytest.mark.row("A9")
async def test_who_has_not_heard_for_some_seconds_knows_nothing(access, database, memory):
    await access.workspace_by_key(DIGEST)
    memory.heard(time.monotonic() - TRUSTED)
    await access.workspace_by_key(DIGEST)
    assert database.asked == 2
    memory.heard(time.monotonic())
    await access.workspace_by_key(DIGEST)
    assert database.asked == 2


async def test_memory_is_bounded_and_what_is_used_stays(access, database, memory):
    await access.workspace_by_key(DIGEST)
    for number in range(MOST + 10):
        await access.workspace_by_key(number.to_bytes(32, "big") + b"x")
        await access.workspace_by_key(DIGEST)
    assert len(memory) == MOST
    assert database.asked == MOST + 11


async def test_the_same_asked_twice_at_once_with_two_answers_leaves_nothing_behind(access, database, memory):
    database.open.clear()
    first = asyncio.create_task(access.memberships("person"))
    await asyncio.sleep(0)
    database.members = [database.member(uuid4())]
    second = asyncio.create_task(access.memberships("person"))
    await asyncio.sleep(0)
    database.open.set()
    await asyncio.gather(first, second)
    memory.forget(database.members[0].workspace_id, None)
    assert (len(memory), len(memory._of)) == (0, 0)


async def test_what_is_dropped_leaves_nothing_behind(access, database, memory):
    for number in range(MOST + 10):
        database.id = uuid4()
        await access.workspace_by_key(number.to_bytes(32, "big"))
    assert len(memory._of) == MOST
    memory.forget_all()
    assert (len(memory), len(memory._of)) == (0, 0)
