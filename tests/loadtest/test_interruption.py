"""What signals do to a run, before its load and during it."""

import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest
from tailgate_loadtest.run.interruption import Interruption


@pytest.fixture
def hangups() -> Iterator[None]:
    """What is done about SIGHUP is as before afterwards."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("number", "name", "code"),
    [(signal.SIGINT, "SIGINT", 130), (signal.SIGTERM, "SIGTERM", 143), (signal.SIGHUP, "SIGTERM", 143)],
)
def test_a_signal_before_the_load_ends_the_program_and_one_during_it_ends_the_load(
    number: signal.Signals, name: str, code: int
) -> None:
    with Interruption() as interruption, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert (interruption.name, interruption.exit_code) == (name, code)
    stopped: list[str] = []
    with Interruption() as interruption:
        with interruption.stops(lambda: stopped.append(name)):
            signal.raise_signal(number)
            signal.raise_signal(number)
        signal.raise_signal(number)
    assert stopped == [name]
    assert (interruption.name, interruption.exit_code) == (name, code)


@pytest.mark.usefixtures("hangups")
def test_a_closed_terminal_is_ignored_where_it_was() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGHUP)
    assert interruption.name is None
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_signal_after_what_is_not_written_ends_the_program() -> None:
    with Interruption() as interruption:
        with interruption.stops(lambda: None, writes=False):
            pass
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert interruption.exit_code == 130


def test_a_signal_after_a_load_that_came_to_nothing_ends_the_program() -> None:
    with Interruption() as interruption:
        with pytest.raises(ValueError, match="nobody to load"), interruption.stops(lambda: None):
            raise ValueError("nobody to load")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert interruption.exit_code == 143


def test_no_load_begins_after_a_signal() -> None:
    """Whatever ran when it came may have held the program back from its end."""
    begun: list[str] = []
    with Interruption() as interruption:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt), interruption.stops(lambda: None):
            begun.append("a load")
    assert begun == []
