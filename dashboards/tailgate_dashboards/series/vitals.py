"""The histograms of what pages report of themselves, by the names that the beacon gives them."""

from collections.abc import Mapping
from types import MappingProxyType

from tailgate_otel import names
from tailgate_slo import Measure
from tailgate_slo.model import Vital

VITAL_HISTOGRAMS: Mapping[Vital, str] = MappingProxyType(
    {
        "lcp": names.WEB_VITAL_LCP,
        "inp": names.WEB_VITAL_INP,
        "cls": names.WEB_VITAL_CLS,
        "fcp": names.WEB_VITAL_FCP,
        "ttfb": names.WEB_VITAL_TTFB,
    }
)


def histogram_of(measure: Measure) -> str:
    """The histogram of a measure of pages: that of its Web Vital, else that of the moments that pages mark."""
    return names.PAGE_TIMING if measure.vital is None else VITAL_HISTOGRAMS[measure.vital]
