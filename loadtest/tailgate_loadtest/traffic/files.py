"""The lines of log files, however large: plain or gzip, from disk or from standard input."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from tailgate_loadtest.errors import TrafficError

STDIN = "-"
_LONGEST = 64 * 1024
"""Bytes of a line that are read; what is past them is passed over."""
_GZIP = b"\x1f\x8b"


def lines(name: str) -> Iterator[bytes]:
    """Each line of a file that is not empty.

    Raises:
        TrafficError: the file cannot be read to its end.
    """
    try:
        with closing(_open(name)) as file:
            while line := file.readline(_LONGEST):
                rest = line
                while len(rest) == _LONGEST and not rest.endswith(b"\n"):
                    rest = file.readline(_LONGEST)
                if line := line.strip():
                    yield line
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise TrafficError(f"{called(name)}: cannot be read: {why}") from error


def called(name: str) -> str:
    """A file's name in messages."""
    return "standard input" if name == STDIN else name


def _open(name: str) -> BinaryIO | gzip.GzipFile:
    # Either way it is a buffer that can be peeked into, which is how standard input tells whether it is compressed.
    file = sys.stdin.buffer if name == STDIN else Path(name).open("rb")  # noqa: SIM115 - closed by who reads it
    compressed = isinstance(file, io.BufferedReader) and file.peek(2).startswith(_GZIP)
    return gzip.open(file) if compressed else file
