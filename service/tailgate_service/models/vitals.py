"""The pages that tell what a visit was like."""

from collections.abc import Mapping
from types import MappingProxyType

PAGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "/inbox": ("list_shown",),
        "/dashboard": ("panels_complete",),
        "/agent": ("microphone_answered",),
    }
)
"""Each with the names of the moments that it marks itself."""
