"""What is a good Web Vital, and what a poor one.

The bounds are those of https://web.dev/articles/vitals and, for FCP and TTFB, https://web.dev/articles/fcp and
https://web.dev/articles/ttfb; each is judged by the 75th percentile of page views.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from .model import Vital

JUDGED_BY = Decimal("0.75")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """Up to ``good`` a value is good, above ``poor`` it is poor; seconds, and for ``cls`` its score."""

    good: Decimal
    poor: Decimal


VITAL_BOUNDS: Mapping[Vital, Bounds] = MappingProxyType(
    {
        "lcp": Bounds(good=Decimal("2.5"), poor=Decimal(4)),
        "inp": Bounds(good=Decimal("0.2"), poor=Decimal("0.5")),
        "cls": Bounds(good=Decimal("0.1"), poor=Decimal("0.25")),
        "fcp": Bounds(good=Decimal("1.8"), poor=Decimal(3)),
        "ttfb": Bounds(good=Decimal("0.8"), poor=Decimal("1.8")),
    }
)
