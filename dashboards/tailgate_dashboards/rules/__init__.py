"""Prometheus recording rules and alerts, compiled from objectives.

Recorded names and labels are Sloth's, so that public SLO boards work on them. Two things differ on purpose.
A ratio over more than some hours weighs every event the same: it divides the sums of bad and of all events, where
an average of ratios would let a quiet night count as much as a busy day. And a window without events records
nothing.
"""

from .compile import Rules, compile_rules, left_out
from .events import Events, events_of, metrics_of
from .existing import refuse_recorded
from .identity import identity_of
from .render import FORMS, Form, name_of, render
from .severities import severities

__all__ = [
    "FORMS",
    "Events",
    "Form",
    "Rules",
    "compile_rules",
    "events_of",
    "identity_of",
    "left_out",
    "metrics_of",
    "name_of",
    "refuse_recorded",
    "render",
    "severities",
]
