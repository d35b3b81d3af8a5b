"""What the metrics page shows of a read model."""

from collections.abc import Iterator

from tailgate_otel import names
from tailgate_otel.exposition import Labels, gauge
from tailgate_otel.histogram import Counter

from tailgate_service.store.readmodel.hot import Hot

_MEMORY, _DATABASE = ("memory",), ("database",)


class ReadModelMetrics:
    """A source of the recorder's page: of what is ``hot`` just now, and of all reads so far."""

    def __init__(self) -> None:
        self.hot: Hot | None = None
        self._reads = Counter(
            names.READMODEL_READS, "Cards and inboxes read, by where they came from.", (names.LABEL_SOURCE,)
        )
        for source in (_MEMORY, _DATABASE):
            self._reads.add(source, 0)

    def read(self, *, hot: bool) -> None:
        """A card or an inbox was read."""
        self._reads.add(_MEMORY if hot else _DATABASE)

    @property
    def bytes(self) -> int:
        """What hot documents take."""
        return 0 if self.hot is None else self.hot.size

    def text(self, openmetrics: bool) -> Iterator[str]:
        """Every family as it stands."""
        cards, items = (0, 0) if self.hot is None else self.hot.documents
        yield gauge(names.READMODEL_BYTES, "Memory that hot documents take.", (), {(): self.bytes})
        kept: dict[Labels, float] = {("card",): cards, ("item",): items}
        yield gauge(names.READMODEL_DOCUMENTS, "Hot documents.", (names.LABEL_DOCUMENT,), kept)
        yield from self._reads.text(openmetrics)
