"""Objectives as code: one OpenSLO file becomes the model everything else is compiled from."""

from .budget import samples_to_decide
from .errors import SloError
from .loader import load, parse
from .model import SLO, Gate, Measure, Metrics, Objectives
from .nearest import nearest_route
from .reference import reference_path

__all__ = [
    "SLO",
    "Gate",
    "Measure",
    "Metrics",
    "Objectives",
    "SloError",
    "load",
    "nearest_route",
    "parse",
    "reference_path",
    "samples_to_decide",
]
