"""What can go wrong when objectives are compiled, and when a Prometheus, a Grafana or an Alertmanager is asked.

DashboardError
├── UnsupportedError   the objectives ask for what cannot be compiled
├── ConflictError      what would be recorded is recorded already
├── RuleFileError      a file of rules cannot be read
├── UnansweredError    a Prometheus has nothing that answers an objective
├── PrometheusError    a Prometheus cannot be asked
│   ├── RefusedError   it does not take a question
│   └── OverloadError  a question is too much for it at once
├── GrafanaError       a Grafana cannot be asked, or refuses
└── AlertmanagerError  an Alertmanager cannot be asked, or refuses
"""


class DashboardError(Exception):
    """Objectives could not become rules or boards; the message says which and why."""


class UnsupportedError(DashboardError):
    """The objectives ask for series that the compiler does not know."""


class ConflictError(DashboardError):
    """Two rules would record the same; the message names both, and what to rename."""


class RuleFileError(DashboardError):
    """A file cannot be read as Prometheus rules."""


class UnansweredError(DashboardError):
    """A Prometheus has no series, or no bucket, that answers an objective."""


class PrometheusError(DashboardError):
    """A Prometheus cannot be reached, is none, or does not let us in."""


class RefusedError(PrometheusError):
    """A Prometheus does not take a question, such as a query that is none."""


class OverloadError(PrometheusError):
    """A question is too much for a Prometheus at once; half of it may do."""


class GrafanaError(DashboardError):
    """A Grafana cannot be asked, or refuses; the message names its address and the cure."""


class AlertmanagerError(DashboardError):
    """An Alertmanager cannot be asked, or refuses; the message names its address and the cure."""
