"""Files that commands write: never over what they read."""

from collections.abc import Iterable
from pathlib import Path

from tailgate.errors import CommandError


def refuse_inputs(output: Path, inputs: Iterable[Path]) -> None:
    """See that the output is none of the files that are read, by whatever name. Raises CommandError."""
    for each in inputs:
        if output.exists() and each.exists() and output.samefile(each):
            raise CommandError(f"{output}: is read, and would be overwritten; write to another file")


def write(output: Path, text: str) -> None:
    """Write the text. Raises CommandError."""
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}") from error
