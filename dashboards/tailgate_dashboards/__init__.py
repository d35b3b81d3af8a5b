"""Prometheus rules and Grafana boards compiled from the objectives."""
