"""When the server that freezes answers: by arithmetic, and as theory has it."""

import pytest

from benchmarks.frozenserver import Work


def times(work: Work, dues: list[float]) -> list[float]:
    return [work.answered(1000 + due) - 1000 - due for due in dues]


def test_a_request_takes_what_a_worker_takes_while_one_is_free():
    assert times(Work(2, 0.5, 0, 0), [0, 0.1, 1.0]) == pytest.approx([0.5, 0.5, 0.5])


def test_a_request_waits_its_turn():
    assert times(Work(1, 0.5, 0, 0), [0, 0, 0.25]) == pytest.approx([0.5, 1.0, 1.25])


def test_work_stands_still_in_a_freeze_and_what_comes_waits():
    # One in the middle of its work, one that comes in the freeze, one after it.
    assert times(Work(9, 0.5, 1.0, 6.0), [0, 0.75, 2.0, 7.5]) == pytest.approx([0.5, 6.5, 5.5, 0.5])


def test_the_backlog_of_a_freeze_drains_as_the_formula_says():
    frozen_from, frozen_for, takes, rate = 10.0, 6.0, 0.01, 50
    found = times(Work(1, takes, frozen_from, frozen_for), [n / rate for n in range(60 * rate)])
    for n, seconds in enumerate(found):
        since = n / rate - frozen_from
        held_up = max(frozen_for - since * (1 - rate * takes), 0.0) if since >= 0 else 0.0
        assert seconds == pytest.approx(held_up + takes, abs=takes + 1e-9)
