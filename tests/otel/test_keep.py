import pytest
from tailgate_otel import Config, names
from tailgate_otel.keep import Bucket, Keeper, reason_to_keep

ROUTE = "GET /a"


@pytest.fixture
def keeper() -> Keeper:
    return Keeper(
        Config(service_name="x", thresholds={ROUTE: 0.2}, budgets={ROUTE: 3}, default_slow=1.0, sample_ratio=0.25)
    )


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ((), None),
        (("sampled",), names.KEPT_SAMPLE),
        (("forced", "sampled"), names.KEPT_FORCED),
        (("repeated", "sampled"), names.KEPT_N_PLUS_ONE),
        (("over_budget", "repeated"), names.KEPT_BUDGET),
        (("slow", "over_budget"), names.KEPT_SLOW),
        (("failed", "slow", "sampled"), names.KEPT_ERROR),
    ],
)
def test_the_most_important_reason_is_given(seen, reason):
    kinds = ("failed", "slow", "over_budget", "repeated", "forced", "sampled")
    assert reason_to_keep(**{kind: kind in seen for kind in kinds}) == reason


def test_a_route_without_an_objective_has_the_default_threshold_and_no_budget(keeper):
    assert keeper.limits(ROUTE) == (0.2, 3)
    assert keeper.limits("GET /b") == (1.0, float("inf"))


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
