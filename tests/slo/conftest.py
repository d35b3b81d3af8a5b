"""A small objectives file to change in one place."""

import textwrap

import pytest
from tailgate_slo import Objectives, parse

ORDERS = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: orders
  displayName: Orders
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource:
          type: tailgate
          spec:
            measure: latency
            route: GET /orders/{id}
            threshold: 500ms
  timeWindow:
    - duration: 28d
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - target: 0.99
"""


@pytest.fixture
def orders() -> str:
    """One valid document, an objective named ``orders``."""
    return ORDERS


@pytest.fixture
def read():
    """Parses documents given as texts."""

    def read(*documents: str) -> Objectives:
        return parse("---\n".join(textwrap.dedent(text) for text in documents).encode(), "slo.yaml")

    return read
