"""What can go wrong when objectives are compiled.

DashboardError
└── UnsupportedError   the objectives ask for what cannot be compiled
"""


class DashboardError(Exception):
    """Objectives could not become rules or boards; the message says which and why."""


class UnsupportedError(DashboardError):
    """The objectives ask for series that the compiler does not know."""
