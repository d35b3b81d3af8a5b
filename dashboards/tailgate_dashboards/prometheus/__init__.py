"""What a running Prometheus holds, asked by its HTTP API."""

from .client import Prometheus
from .values import Line, Sample

__all__ = ["Line", "Prometheus", "Sample"]
