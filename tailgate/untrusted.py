"""What somebody else wrote: of a comparison nothing is believed but its form, of a text nothing obeyed."""

import json
import math
import os
import re
import stat
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from tailgate_loadtest.judge.regression.document import SCHEMA, ComparisonDocument
from tailgate_loadtest.report.show import clean

from tailgate.errors import CommandError

NAME = "comparison.json"
LARGEST_BYTES = 8 << 20
_LARGEST_NUMBER = 1e15
"""Above all seconds, bytes and counts; and small enough for every arithmetic."""
_PLAIN = re.compile(r"[a-z0-9_.]{1,100}")


def read_untrusted(directory: Path) -> ComparisonDocument:
    """The comparison.json of a directory, which must be a file of its own and no link.

    Nothing of what it holds is in a message: those who look for commands in a job's output would find them there.

    Raises:
        CommandError: it is missing, too large, no JSON, or no such document.
    """
    path = directory / NAME
    try:
        document = json.loads(_bytes(path))
        _bounded(document)
    except (ValueError, RecursionError):
        raise CommandError(f"{path}: is not the JSON that tailgate writes") from None
    found = document.get("schema") if isinstance(document, dict) else None
    if found != SCHEMA:
        raise CommandError(f"{path}: is no {SCHEMA}; the tailgate that wrote it must be of this version")
    try:
        return ComparisonDocument.model_validate(document)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_input=False, include_url=False)[0]["loc"]))
        named = where if _PLAIN.fullmatch(where) else "something in it"
        raise CommandError(f"{path}: {named} is not what a {SCHEMA} has there") from None


def printable(text: str) -> str:
    """The lines of a text without what would steer a terminal, or turn them around."""
    return "\n".join(map(clean, text.splitlines()))


def _bytes(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_straight) as file:
            data = file.read(LARGEST_BYTES + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}; give the directory that holds it") from error
    if data is None:
        raise CommandError(f"{path}: is no file")
    if len(data) > LARGEST_BYTES:
        raise CommandError(f"{path}: is larger than {LARGEST_BYTES >> 20} MiB")
    return data


def _straight(path: str, flags: int) -> int:
    """Neither led elsewhere by a link, nor kept waiting by a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _bounded(tree: Any) -> None:
    """Raises ValueError for a number that is not finite, or too large."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)
        elif isinstance(node, int | float) and not (math.isfinite(node) and abs(node) <= _LARGEST_NUMBER):
            raise ValueError
