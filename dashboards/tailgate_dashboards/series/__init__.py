"""Which series of a Prometheus carry each measure, and the selectors that find them."""

from .presets import series_of
from .selectors import Traffic, equal, le, select, status_5xx
from .series import Series
from .vitals import VITAL_HISTOGRAMS

__all__ = ["VITAL_HISTOGRAMS", "Series", "Traffic", "equal", "le", "select", "series_of", "status_5xx"]
