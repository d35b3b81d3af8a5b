"""Grafana boards compiled from the objectives."""
