"""What a process keeps by itself: bounded, the least recently used goes first."""

from collections import OrderedDict

from tailgate_service.cache.entry import Entry, Key

MAX_ENTRIES = 10_000
MAX_BYTES = 32 << 20


class Local:
    """Entries; of two for one key the one of the later revision stays."""

    def __init__(self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Key, Entry] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> Entry | None:
        """What is kept."""
        entry = self._kept.get(key)
        if entry is not None:
            self._kept.move_to_end(key)
        return entry

    def put(self, key: Key, entry: Entry) -> None:
        """Keep it, unless a newer one is kept or it alone is larger than all may be."""
        present = self._kept.get(key)
        if (present is not None and present.revision > entry.revision) or len(entry.body) > self._max_bytes:
            return
        self._drop(key)
        self._kept[key] = entry
        self._bytes += len(entry.body)
        while len(self._kept) > self._max_entries or self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Keep nothing."""
        self._kept.clear()
        self._bytes = 0

    def _drop(self, key: Key) -> None:
        entry = self._kept.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry.body)
