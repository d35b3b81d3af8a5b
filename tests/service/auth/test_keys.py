"""When an issuer's keys are fetched, how often, and how long they serve."""

import asyncio

import pytest
from tailgate_service.auth.keys import BETWEEN, FRESH, KEPT, RETRY, Keys
from tailgate_service.errors import IssuerError, TokenError

from tests.service.auth.issuer import document, ec_key, jwk


class Source:
    """Answers what it holds, when it is let; counts how often it was asked. Its clock is moved by hand."""

    def __init__(self, *kids: str) -> None:
        self.kids: tuple[str, ...] | None = kids
        self.asked = 0
        self.now = 1000.0
        self.open = asyncio.Event()
        self.open.set()
        self.keys = Keys(self.fetch, lambda: self.now)

    async def fetch(self) -> bytes:
        self.asked += 1
        await self.open.wait()
        if self.kids is None:
            raise IssuerError("away")
        return document(*(jwk(ec_key(), kid) for kid in self.kids))

    async def has(self, kid: str) -> bool:
        try:
            await self.keys.key(kid)
        except TokenError:
            return False
        return True

    async def settle(self) -> None:
        """Let what runs beside come to its end."""
        for _ in range(10):
            await asyncio.sleep(0)


async def test_keys_are_fetched_at_the_first_question_and_then_kept():
    source = Source("a", "b")
    assert source.asked == 0
    assert await source.has("a")
    assert await source.has("b")
    assert source.asked == 1


@pytest.mark.row("A9")
async def test_a_new_key_is_found_and_one_taken_back_no_longer_believed():
    source = Source("old")
    assert await source.has("old")
    source.kids, source.now = ("new",), source.now + BETWEEN
    assert await source.has("new")
    assert not await source.has("old")
    assert source.asked == 2


@pytest.mark.row("A9")
async def test_an_unknown_kid_causes_a_fetch_at_most_once_a_minute():
    source = Source("a")
    for number in range(50):
        assert not await source.has(f"made up {number}")
    assert source.asked == 1
    source.now += BETWEEN - 0.001
    assert not await source.has("made up")
    assert source.asked == 1
    source.now += 0.002
    for number in range(50):
        assert not await source.has(f"made up {number}")
    assert source.asked == 2


async def test_that_holds_for_fetches_that_fail_as_well():
    source = Source("a")
    assert await source.has("a")
    source.kids, source.now = None, source.now + BETWEEN
    assert not await source.has("b")
    source.now += RETRY
    assert not await source.has("b")
    assert source.asked == 2


async def test_all_who_ask_at_once_wait_for_one_fetch():
    source = Source("a")
    source.open.clear()
    asking = [asyncio.create_task(source.has("a")) for _ in range(20)]
    await source.settle()
    source.open.set()
    assert await asyncio.gather(*asking) == [True] * 20
    assert source.asked == 1


async def test_who_goes_away_takes_nobody_elses_keys_along():
    source = Source("a")
    source.open.clear()
    first, second = asyncio.create_task(source.has("a")), asyncio.create_task(source.has("a"))
    await source.settle()
    first.cancel()
    await source.settle()
    source.open.set()
    assert await second
    assert source.asked == 1


async def test_keys_no_longer_fresh_are_fetched_again_beside_the_questions_they_answer():
    source = Source("a")
    assert await source.has("a")
    source.now += FRESH + 1
    source.open.clear()
    assert await source.has("a")
    await source.settle()
    assert source.asked == 2
    source.kids = ("b",)
    source.open.set()
    await source.settle()
    assert not await source.has("a")


@pytest.mark.row("A9")
async def test_keys_that_cannot_be_fetched_again_serve_for_their_time_and_then_no_longer():
    source = Source("a")
    assert await source.has("a")
    source.kids, source.now = None, source.now + KEPT - 1
    assert await source.has("a")
    await source.settle()
    source.now += 2
    with pytest.raises(IssuerError, match="cannot be fetched"):
        await source.has("a")


async def test_an_issuer_that_is_away_is_not_asked_by_every_request_and_found_when_it_is_back():
    source = Source()
    source.kids = None
    for _ in range(20):
        with pytest.raises(IssuerError):
            await source.has("a")
    assert source.asked == 1
    source.kids, source.now = ("a",), source.now + RETRY
    assert await source.has("a")
    assert source.asked == 2
