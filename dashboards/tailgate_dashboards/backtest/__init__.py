"""Alerts replayed over a Prometheus's past: when they would have fired, and at other thresholds how often."""
