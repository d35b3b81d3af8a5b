"""A command by what of it can be no secret: its program, its files, the names of its options, and numbers.

Two commands of one program are told apart by these, and nothing else of them is in a report.
"""

import re
import shlex
from pathlib import Path

_NUMBER = re.compile(r"\d{1,5}(\.\d{1,5})?[a-zA-Z%]{0,3}")
_SECRET = re.compile(r"pass|pwd|secret|token|key|pin|auth|cred", re.IGNORECASE)
_NAME = re.compile(r"--?[A-Za-z][\w-]*|[A-Za-z_]\w*")
_BEFORE = ("exec", "env")
"""What stands before a program's name."""
_HIDDEN = "…"
_MOST = 100
"""Letters of a command."""


def named(command: str, directory: Path) -> str:
    """The command, to be run in ``directory``, in one line; what may be a secret is an ellipsis."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    told: list[str] = []
    before, program = "", False
    for word in words:
        name, sign, value = word.partition("=")
        if sign and _NAME.fullmatch(name):
            told.append(f"{name}={_value(name, value, directory)}")
        elif not program:
            program = word not in _BEFORE
            told += [word] if program else []
        else:
            # Of what is written in one letter a value may follow at once, such as a password.
            is_option = word.startswith("--") or (word.startswith("-") and len(word) == 2)
            told.append(word if is_option and _NAME.fullmatch(word) else _value(before, word, directory))
        before = word
    kept = [word for place, word in enumerate(told) if word != _HIDDEN or told[place - 1 : place] != [_HIDDEN]]
    line = " ".join(" ".join(kept).split())
    return line if len(line) <= _MOST else line[: _MOST - 1] + _HIDDEN


def _value(name: str, value: str, directory: Path) -> str:
    if _NUMBER.fullmatch(value) and not _SECRET.search(name):
        return value
    try:
        # A bare name of a file may be a word as well, but then it is no secret: it is in a directory's listing.
        return value if value and (directory / value).exists() else _HIDDEN
    except (OSError, ValueError):
        return _HIDDEN
