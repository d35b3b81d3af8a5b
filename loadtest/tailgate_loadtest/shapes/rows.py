"""The rows of a CSV file with a head, dealt one after another."""

import csv
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from tailgate_loadtest.errors import FeedError

Mode = Literal["unique", "cycle", "random"]
Row = dict[str, str]

MODES = ("unique", "cycle", "random")
MAX_RANDOM_BYTES = 64 * 1024 * 1024
"""Of a file that is drawn from at random: it is held in memory, and any other is not."""


class Rows:
    """Deals the rows of one file; in order, or at random by a seed.

    Raises:
        FeedError: the file cannot be read, or has no head or no row.
    """

    def __init__(self, path: Path, mode: Mode, seed: int = 0) -> None:
        next(_read(path), None)  # who has no rows, or no file, hears of it before the load
        self._rows = _random(path, seed) if mode == "random" else _endless(path) if mode == "cycle" else _read(path)

    def deal(self, count: int) -> list[Row]:
        """The next rows: fewer than asked for when they run out, and none when they have run out.

        Raises:
            FeedError: a row is damaged; the message names its line.
        """
        return list(islice(self._rows, count))


def _read(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            head = next(reader, None)
            if not head or not all(name.strip() for name in head) or len(set(head)) != len(head):
                raise FeedError(f"{path}:1: must name each column once, as in: name,password")
            empty = True
            for row in reader:
                if len(row) != len(head):
                    if not row:
                        continue
                    raise FeedError(f"{path}:{reader.line_num}: has {len(row)} fields where the head has {len(head)}")
                empty = False
                yield dict(zip(head, row, strict=True))
            if empty:
                raise FeedError(f"{path}: has a head and no row")
    except OSError as error:
        raise FeedError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FeedError(f"{path}: is not UTF-8: {error.reason}") from error
    except csv.Error as error:
        raise FeedError(f"{path}:{reader.line_num}: is no CSV: {error}") from error


def _endless(path: Path) -> Iterator[Row]:
    while True:
        yield from _read(path)


def _random(path: Path, seed: int) -> Iterator[Row]:
    size = path.stat().st_size
    if size > MAX_RANDOM_BYTES:
        raise FeedError(
            f"{path}: is larger than {MAX_RANDOM_BYTES} bytes, and cannot be drawn from at random; cycle it"
        )
    rows, draw = list(_read(path)), random.Random(seed)  # noqa: S311 - which row comes next is no secret
    while True:
        yield draw.choice(rows)
