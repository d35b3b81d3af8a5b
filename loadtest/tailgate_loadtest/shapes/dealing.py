"""Who deals rows: the process that has the files, to its own users or to workers."""

from pathlib import Path
from typing import Any

from tailgate_loadtest.errors import FeedError
from tailgate_loadtest.shapes.rows import Mode, Row, Rows

_MOST = 5000
"""Rows that are dealt at once."""

Key = tuple[str, Mode]
"""A file as the locustfile names it, and how it is dealt."""


class Files:
    """Rows straight from the files: of the one process, or of the master of several."""

    def __init__(self, *, seed: int = 0, again: bool = False) -> None:
        """With ``again``, rows that may be dealt once are dealt again, for a rehearsal that sends nothing."""
        self._seed = seed
        self._again = again
        self._rows: dict[Key, Rows] = {}

    def open(self, key: Key, path: Path) -> None:
        """See Source. Raises FeedError when there is nothing to deal."""
        file, mode = key
        self._rows[file, mode] = Rows(path, "cycle" if self._again else mode, self._seed)

    def next(self, key: Key) -> Row | None:
        """See Source."""
        return next(iter(self._rows[key].deal(1)), None)

    def deal(self, key: Key, count: int) -> list[Row]:
        """Rows for a worker; raises FeedError for a feed that the locustfile does not make."""
        if key not in self._rows:
            raise FeedError(f"feed {key[0]}: the master's locustfile makes none in mode {key[1]}")
        return self._rows[key].deal(min(count, _MOST))


class Dealer:
    """Deals the rows of files to workers: the same again to who asks again."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._last: dict[tuple[str, Key], dict[str, Any]] = {}

    def deal(self, worker: str, data: Any) -> dict[str, Any]:
        """The answer to a worker's ask."""
        key, number = (str(data["file"]), data["mode"]), int(data["number"])
        last = self._last.get((worker, key))
        if last is None or last["number"] != number:
            answer: dict[str, Any] = {"file": key[0], "mode": key[1], "number": number}
            try:
                answer["rows"] = self._files.deal(key, max(int(data["count"]), 1))
            except FeedError as error:
                answer["error"] = str(error)
            if len(self._last) < _MOST:
                self._last[worker, key] = answer
            return answer
        return last
