import pytest
from tailgate_otel import Config, names
from tailgate_otel.keep import Bucket, Keeper

ROUTE = "GET /a"


@pytest.fixture
def keeper() -> Keeper:
    return Keeper(
        Config(service_name="x", thresholds={ROUTE: 0.2}, budgets={ROUTE: 3}, default_slow=1.0, sample_ratio=0.25)
    )


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({}, None),
        ({"seconds": 0.2, "queries": 3}, None),
        ({"sampled": True}, names.KEPT_SAMPLE),
        ({"repeated": True, "sampled": True}, names.KEPT_N_PLUS_ONE),
        ({"queries": 4, "repeated": True}, names.KEPT_BUDGET),
        ({"seconds": 0.201, "queries": 4}, names.KEPT_SLOW),
        ({"failed": True, "seconds": 9}, names.KEPT_ERROR),
    ],
)
def test_the_most_important_reason_is_given(keeper, seen, reason):
    plain = {"failed": False, "seconds": 0.1, "queries": 1, "repeated": False, "sampled": False}
    assert keeper.reason(ROUTE, **(plain | seen)) == reason


def test_a_route_without_an_objective_has_the_default_threshold_and_no_budget(keeper):
    plain = {"failed": False, "queries": 99, "repeated": False, "sampled": False}
    assert keeper.reason("GET /b", seconds=1.0, **plain) is None
    assert keeper.reason("GET /b", seconds=1.1, **plain) == names.KEPT_SLOW


def test_the_sample_is_decided_by_the_random_bits_of_the_trace_id(keeper):
    assert keeper.sampled(0xFF << 120 | (1 << 54) - 1)
    assert not keeper.sampled(1 << 54)


def test_a_bucket_gives_its_rate_and_no_more():
    bucket = Bucket(10, now=0)
    assert sum(bucket.take(now=0) for _ in range(50)) == 10
    assert sum(bucket.take(now=1 + second / 100) for second in range(1000)) in {109, 108}


def test_a_slow_bucket_still_gives_one():
    bucket = Bucket(0.1, now=0)
    assert [bucket.take(now) for now in (0, 5, 10, 11)] == [True, False, True, False]


def test_the_cap_is_per_route_and_reason(keeper):
    assert sum(keeper.admit(ROUTE, names.KEPT_SLOW) for _ in range(50)) == 10
    assert keeper.admit(ROUTE, names.KEPT_ERROR)
    assert keeper.admit("GET /b", names.KEPT_SLOW)
