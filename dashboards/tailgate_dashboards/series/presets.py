"""The series that well-known instrumentations and proxies expose, and what an objectives file says otherwise."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tailgate_otel import names
from tailgate_slo import Metrics

from .series import Series

# OpenTelemetry's stable conventions: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
_OTEL = Series(
    duration=names.HTTP_SERVER_DURATION,
    queries=names.QUERIES_PER_REQUEST,
    vitals=True,
    method=names.LABEL_METHOD,
    route=names.LABEL_ROUTE,
    status=names.LABEL_STATUS,
    synthetic=names.LABEL_SYNTHETIC,
)
# Spring Boot's timer, with management.metrics.distribution.slo.http.server.requests for its edges.
_MICROMETER = Series(duration="http_server_requests_seconds", method="method", route="uri", status="status")
# https://kubernetes.github.io/ingress-nginx/user-guide/monitoring/ ; the path is that of the Ingress's rule.
_NGINX_INGRESS = Series(
    duration="nginx_ingress_controller_request_duration_seconds", method="method", route="path", status="status"
)
# Envoy counts by upstream cluster, in milliseconds, and statuses apart:
# https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats
_ENVOY = Series(
    duration="envoy_cluster_upstream_rq_time",
    per_second=Decimal(1_000),
    requests="envoy_cluster_upstream_rq",
    method=None,
    route="envoy_cluster_name",
    status="envoy_response_code",
)
_PRESETS = {"otel": _OTEL, "micrometer": _MICROMETER, "nginx-ingress": _NGINX_INGRESS, "envoy": _ENVOY}


def series_of(metrics: Metrics) -> Series:
    """The series that a ``kind: Metrics`` document names."""
    preset, said = _PRESETS[metrics.preset], metrics.overrides
    changed: dict[str, Any] = {
        key: value
        for key in ("duration", "per_second", "requests", "queries")
        if (value := getattr(said, key)) is not None
    }
    for key, label in said.labels.items():
        changed[key] = label or None
    if said.synthetic:
        changed["synthetic"] = None
    return replace(preset, **changed, native=said.native, match=said.match, routes=said.routes)
