"""What response times are made of: parts that add up, whoever adds them, and the requests around a percentile."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.measure.split import PARTS, STEPS, TOLD, UNSAID, Split

SECONDS = st.floats(0, 30)
SAID = st.one_of(st.just(UNSAID), SECONDS)


def split(*rows: tuple[float, ...]) -> Split:
    return Split.of(np.array(rows))


def parts(found: Split, q: float = 0.5) -> dict[str, float]:
    """What is not nothing, in whole microseconds."""
    around = found.around(q)
    assert around is not None
    return {name: round(seconds * 1e6) for name, seconds in around.parts.items() if round(seconds * 1e6)}


def row(**changes: float) -> tuple[float, ...]:
    """A request of 100 ms from its send, which has 60 ms for the first byte and 30 for the rest."""
    given = {
        "due": 1.0,
        "response": 0.1,
        "service": 0.1,
        "user": 0.0,
        "connection": 0.01,
        "wait": 0.06,
        "receive": 0.03,
    }
    return tuple({**given, **changes}.values())


def test_a_server_that_says_nothing_leaves_what_the_client_sees():
    assert parts(split(row())) == {"connection": 10_000, "wait": 60_000, "receive": 30_000}


def test_what_the_server_says_comes_off_the_wait_and_the_rest_is_the_network():
    told = split(row(pool=0.02, database=0.025, application=0.005))
    assert parts(told) == {
        "connection": 10_000,
        "network": 40_000,
        "pool": 20_000,
        "database": 25_000,
        "application": 5_000,
    }
    assert told.around(0.5).told == 1


def test_a_server_that_says_nothing_of_its_application_leaves_a_wait():
    told = split(row(pool=UNSAID, database=0.025, application=UNSAID))
    assert parts(told) == {"connection": 10_000, "wait": 35_000, "receive": 30_000, "database": 25_000}
    assert told.around(0.5).told == 0


def test_a_wait_for_the_pool_while_a_query_ran_is_the_querys():
    # Two queries at once, one of which waits 40 ms for a connection while the other runs: 60 ms in all, 80 as told.
    told = split(row(pool=0.04, database=0.03, application=0.01))
    assert parts(told) == {
        "connection": 10_000,
        "network": 30_000,
        "pool": 20_000,
        "database": 30_000,
        "application": 10_000,
    }


def test_being_late_is_the_generators_but_not_waiting_for_a_user():
    assert parts(split(row(response=0.35, user=0.2))) == {
        "lag": 50_000,
        "user": 200_000,
        "connection": 10_000,
        "wait": 60_000,
        "receive": 30_000,
    }
    # Its arrival waited, but then it was put off: there is no more than its lateness.
    assert parts(split(row(response=0.15, user=0.2)))["user"] == 50_000


def test_earlier_exchanges_of_a_redirected_request_are_in_no_other_part():
    assert parts(split(row(response=0.25, service=0.25)))["other"] == 150_000


@given(
    st.lists(
        st.tuples(SECONDS, SECONDS, SECONDS, SECONDS, SECONDS, SECONDS, SECONDS, SAID, SAID, SAID),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from((STEPS, TOLD)),
)
def test_no_part_is_negative_and_together_they_are_the_response_time_whatever_is_said(rows, columns):
    samples = np.array(rows)[:, :columns]
    found = Split.of(samples)
    assert found.requests == len(rows)
    assert all(each >= 0 for sums in found.sums.values() for each in sums)
    assert sum(sum(sums[2:]) for sums in found.sums.values()) == np.rint(samples[:, 1] * 1e9).sum()


@given(st.integers(0, 2**32), st.integers(1, 300))
def test_however_requests_are_shared_out_they_come_to_the_same_sums(seed, count):
    rng = random.Random(seed)
    rows = [row(response=rng.lognormvariate(-3, 2), user=rng.random(), wait=rng.random()) for _ in range(count)]
    told = [
        (*each, rng.random(), rng.random(), rng.choice((UNSAID, rng.random()))) for each in rows if rng.random() < 0.5
    ]
    whole = split(*rows)
    if told:
        whole.merge(split(*told))
    shares: list[Split] = []
    for each in (rows, told):
        while each:
            size = rng.randint(1, len(each))
            shares.append(split(*each[:size]))
            each = each[size:]
    rng.shuffle(shares)
    merged = Split()
    for share in shares:
        merged.merge(share)
    assert merged.sums == whole.sums


@pytest.mark.parametrize(
    ("count", "q", "around"), [(10_000, 0.95, 201), (10_000, 0.5, 201), (100, 0.95, 11), (7, 0.95, 6)]
)
def test_a_percentile_is_explained_by_the_requests_around_its_rank(count, q, around):
    responses = np.exp(np.random.default_rng(3).normal(-3, 1, count))
    found = split(*(row(response=each, service=each, connection=0.0, wait=each, receive=0.0) for each in responses))
    explained = found.around(q)
    assert explained.requests == around
    near = np.sort(responses)[max(int(np.ceil(q * count)) - 1 - around // 2, 0) :][:around]
    if count > 7:
        assert explained.parts["wait"] == pytest.approx(near.mean(), rel=0.02)
    assert sum(explained.parts.values()) == pytest.approx(explained.parts["wait"])
    assert set(explained.parts) == set(PARTS)


def test_of_equal_times_the_mean_stands_for_any():
    """Half of them waited for the pool and half for the database, and took the same time."""
    rows = [row(pool=0.05 * (n % 2), database=0.05 * (1 - n % 2), application=0.0) for n in range(1000)]
    assert parts(split(*rows), 0.95) == {"connection": 10_000, "network": 40_000, "pool": 25_000, "database": 25_000}


def test_of_no_request_there_is_nothing_to_say():
    assert Split().around(0.95) is None
