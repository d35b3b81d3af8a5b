"""The slowest requests: the same fifty, however many processes saw them."""

import random

from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.measure.slowest import SLOWEST, Slow, Slowest


def requests(seed: int, count: int) -> list[Slow]:
    rng = random.Random(seed)
    # Few different times, so that many are equal.
    return [Slow(rng.randrange(9) / 8, float(n), rng.choice("AB"), "", "") for n in range(count)]


@given(st.integers(0, 2**32), st.integers(0, 400), st.integers(1, 8))
def test_the_slowest_of_all_are_left_however_they_are_shared_out(seed, count, shares):
    every = requests(seed, count)
    parts = [Slowest() for _ in range(shares)]
    for n, each in enumerate(every):
        parts[n % shares].offer(each)
    random.Random(seed).shuffle(parts)
    whole = Slowest()
    for part in parts:
        whole.merge(part.sorted())
    assert whole.sorted() == sorted(every, reverse=True)[:SLOWEST]


def test_what_is_below_the_floor_need_not_be_offered():
    slowest = Slowest()
    for n in range(SLOWEST):
        assert slowest.floor == 0.0
        assert slowest.offer(Slow(1.0 + n, 0.0, "GET /a", "", ""))
    assert slowest.floor == 1.0
    assert not slowest.offer(Slow(0.9, 0.0, "GET /a", "", ""))
    assert slowest.offer(Slow(1.5, 0.0, "GET /a", "", ""))
    assert slowest.floor == 1.5
