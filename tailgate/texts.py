"""What options say in words, as values; what is wrong is named by its option."""

from collections.abc import Iterable
from pathlib import Path

from tailgate_loadtest.shapes.tolerance import Tolerance, tolerance_of
from tailgate_loadtest.shapes.units import seconds

from tailgate.errors import CommandError


def file_of(name: str, option: str) -> Path:
    """A file that is there. Raises CommandError."""
    path = Path(name)
    if not path.is_file():
        raise CommandError(f"{option} {name}: there is no such file")
    return path


def seconds_of(text: str, option: str) -> float:
    """A duration like 1m30s, in seconds. Raises CommandError."""
    try:
        return seconds(text)
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from error


def tolerance_from(given: Iterable[str]) -> Tolerance:
    """The limits of ``--tolerate``. Raises CommandError."""
    try:
        return tolerance_of(given)
    except ValueError as error:
        raise CommandError(f"--tolerate {error}") from error
