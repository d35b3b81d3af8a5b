"""When enough is asked of a side one by one, and when no more can be."""

import pytest
from tailgate_loadtest.engine.progress import Progress
from tailgate_loadtest.shapes.orders import Probing

ASKED = Probing(requests=10, seconds=60)


def after(turns: str, requests: int = 1, *, iterations: int | None = None) -> Progress:
    """A phase in which personas of one letter had their turns, with so many requests each."""
    progress = Progress(ASKED, iterations, "AB")
    for persona in turns:
        progress.add(persona, requests)
    return progress


@pytest.mark.parametrize(
    ("turns", "seconds", "goes_on"),
    [
        ("", 0, True),
        ("AB", 60, True),
        ("AB", 61, False),
        ("AAA", 61, True),
        ("AAAAABBBB", 1, True),
        ("AAAAABBBBB", 1, False),
        ("AAAAAAAAAA", 1, False),
    ],
)
def test_enough_is_what_was_asked_for_or_all_that_there_is_time_for_with_everybody_asked(
    turns: str, seconds: float, goes_on: bool
) -> None:
    assert after(turns).goes_on(seconds) is goes_on


@pytest.mark.parametrize(("turns", "goes_on"), [("AA", True), ("AAA", False)])
def test_of_whom_iterations_are_wanted_there_are_as_many_whatever_the_time(turns: str, goes_on: bool) -> None:
    progress = after(turns, requests=9, iterations=3)
    assert progress.goes_on(179) is goes_on
    assert progress.cut_short(179) is None
    assert progress.curtailed is None


def test_that_there_were_fewer_requests_than_asked_for_is_told() -> None:
    assert after("ABA").curtailed == "3 of 10 had been sent after 60 s"
    assert after("ABA", requests=4).curtailed is None


@pytest.mark.parametrize(
    ("progress", "why"),
    [
        (after("AAA"), "B had no turn after 180 s; name only the user classes that take less time"),
        (
            after("ABA", iterations=7),
            "3 of 7 iterations were over after 180 s; name only the user classes that take less time",
        ),
        (after("AB" * 25, requests=0), "50 iterations in a row requested nothing"),
    ],
)
def test_who_takes_too_long_or_asks_for_nothing_is_given_up(progress: Progress, why: str) -> None:
    assert progress.cut_short(180.1) == why


def test_who_asks_for_something_now_and_then_goes_on() -> None:
    progress = after("A" * 49, requests=0)
    progress.add("B", 1)
    progress.add("A", 0)
    assert progress.cut_short(0) is None
