"""Which side each arrival goes to."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.shapes.schedule import Arrival
from tailgate_loadtest.shapes.sides import SIDES, Design, Side

designs = st.builds(
    Design,
    seconds=st.integers(1, 2_000),
    warmup=st.just(0),
    seed=st.integers(0, 2**32),
    block=st.integers(1, 10),
)


def arrival(number: int, due: float) -> Arrival:
    return Arrival(number, due, "Shopper")


@given(designs)
def test_segments_fill_the_load_without_a_gap(design: Design) -> None:
    assert design.segments[0].start == 0
    assert design.segments[-1].end == design.seconds
    assert all(before.end == after.start for before, after in pairwise(design.segments))


@given(designs)
def test_turns_come_in_pairs_of_equal_length(design: Design) -> None:
    turns = [each for each in design.segments if each.to is not None]
    for first, second in zip(turns[::2], turns[1::2], strict=True):
        assert {first.to, second.to} == set(SIDES)
        assert first.end == second.start
        assert first.length == second.length == design.block


def test_the_warm_up_is_for_both() -> None:
    first, *_ = Design(seconds=300, warmup=13, seed=1).segments
    assert (first.start, first.length, first.to) == (0, 13, None)


def test_who_begins_a_pair_is_drawn() -> None:
    begun = {each.to for seed in range(20) for each in Design(seconds=50, warmup=0, seed=seed).segments[1:2]}
    assert begun == set(SIDES)


@pytest.mark.parametrize("seed", [1, 2])
def test_while_both_are_loaded_each_arrival_has_a_coin_of_its_own(seed: int) -> None:
    design = Design(seconds=300, warmup=0, seed=seed)
    sides = [design.side(arrival(number, 0.001 * number)) for number in range(4_000)]
    assert 1_850 < sides.count(Side.BASE) < 2_150
    follows = sum(one is other for one, other in pairwise(sides))
    assert 1_850 < follows < 2_150


def test_another_seed_draws_otherwise_and_the_same_alike() -> None:
    drawn = {
        seed: [Design(seconds=300, warmup=0, seed=seed).side(arrival(number, 1.0)) for number in range(100)]
        for seed in (1, 2)
    }
    assert drawn[1] != drawn[2]
    assert drawn[1] == [Design(seconds=300, warmup=0, seed=1).side(arrival(number, 1.0)) for number in range(100)]


def test_in_a_turn_all_arrivals_are_of_one_side() -> None:
    design = Design(seconds=300, warmup=10, seed=3)
    turns = [each for each in design.segments if each.to is not None]
    for turn in turns:
        assert {design.side(arrival(n, turn.start + n / 100)) for n in range(100 * turn.length)} == {turn.to}
