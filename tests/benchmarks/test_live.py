"""What the benchmark of live connections makes of what its subscribers were told."""

from benchmarks.live import _account, _Follower


def follower(numbers: list[int], *, late: list[float], resumed: list[float]) -> _Follower:
    return _Follower(url="", workspace={}, by_socket=True, first=10, numbers=numbers, late=late, resumed=resumed)


def test_what_comes_after_a_kill_is_late_with_all_else_and_shown_apart():
    told = _account([follower([11, 12, 13, 14], late=[1.0, 2.0], resumed=[300.0, 400.0])], [4])
    assert (told["delivered"], told["missed"], told["twice"], told["worst"]) == (4, 0, 0, 400)
    assert told["p95"] > 250
    assert told["resumed_p95"] > 300


def test_what_is_missing_of_a_workspace_is_missed_by_each_of_its_subscribers():
    followers = [follower(numbers, late=[1.0] * len(numbers), resumed=[]) for numbers in ([11, 13], [11], [11, 12])]
    assert _account(followers, [3, 1])["missed"] == 2


def test_what_comes_twice_or_out_of_order_is_counted():
    twice = follower([11, 12, 12, 13], late=[1.0] * 4, resumed=[])
    disordered = follower([12, 11, 13], late=[1.0] * 3, resumed=[])
    assert _account([twice, disordered], [3])["twice"] == 2
