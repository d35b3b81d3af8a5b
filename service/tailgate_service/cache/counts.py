"""What the metrics page shows of the cache."""

from collections.abc import Iterator

from tailgate_otel import names
from tailgate_otel.histogram import Counter

REDIS, PROCESS, OFF = "redis", "process", "off"
"""Where was looked; off: nowhere, since this process did not hear of changes."""


class Counts:
    """Looks into the cache that found something, those that did not, and how often Redis failed."""

    def __init__(self) -> None:
        labels = (names.LABEL_CACHE, names.LABEL_LAYER)
        self.hits = Counter(names.CACHE_HITS, "Looks into the cache that found what was wanted.", labels)
        self.misses = Counter(names.CACHE_MISSES, "Looks into the cache that did not.", labels)
        self.failures = Counter(names.CACHE_FAILURES, "Questions that Redis did not answer.")
        self.failures.add((), 0)

    def text(self, openmetrics: bool) -> Iterator[str]:
        """Every family as it stands."""
        for counter in (self.hits, self.misses, self.failures):
            yield from counter.text(openmetrics)
