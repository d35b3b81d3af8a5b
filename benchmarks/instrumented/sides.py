"""The ways in which one application is watched, or is not, and how each is put around it."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg
import tailgate_otel
from fastapi import FastAPI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from tailgate_otel import Config, Recorder, names

from benchmarks.instrumented import shop

_UNCAPPED = 1e6
"""Traces kept per second, route and reason: with the cap that a service has, it would be the cap that is measured."""


class Watch(Protocol):
    """What watches one application."""

    create_pool: Callable[..., Any]
    """Like ``asyncpg.create_pool``."""

    @property
    def metrics_port(self) -> int | None:
        """Where its metrics are served, if they are."""
        ...

    def around(self, app: FastAPI) -> Any:
        """The application, watched."""
        ...

    def flush(self) -> None:
        """Export what is queued; waits for the receiver."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class _Nobody:
    create_pool = staticmethod(asyncpg.create_pool)
    metrics_port = None

    def around(self, app: FastAPI) -> FastAPI:
        return app

    def flush(self) -> None:
        return

    def close(self) -> None:
        return


class _Ours:
    create_pool = staticmethod(tailgate_otel.create_pool)

    def __init__(self, kind: Callable[[Config], Recorder], share: float, endpoint: str) -> None:
        self._recorder = kind(
            Config(
                service_name="shop",
                thresholds=shop.THRESHOLDS,
                budgets=shop.BUDGETS,
                sample_ratio=share,
                keep_per_second=_UNCAPPED,
                otlp_endpoint=endpoint,
                metrics_port=0,
            )
        )
        self._recorder.start()

    @property
    def metrics_port(self) -> int:
        return self._recorder.metrics_port

    def around(self, app: FastAPI) -> Any:
        return self._recorder.middleware(app)

    def flush(self) -> None:
        self._recorder.flush()

    def close(self) -> None:
        self._recorder.close()


class _Stock:
    """The stock pair as their own pages put them around an application: everything as it is by default."""

    create_pool = staticmethod(asyncpg.create_pool)
    metrics_port = None

    def __init__(self, share: float, endpoint: str) -> None:
        resource = Resource.create({names.ATTR_SERVICE_NAME: "shop"})
        self._provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(share))
        exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        AsyncPGInstrumentor().instrument(tracer_provider=self._provider)  # type: ignore[no-untyped-call]

    def around(self, app: FastAPI) -> FastAPI:
        FastAPIInstrumentor.instrument_app(app, tracer_provider=self._provider)
        return app

    def flush(self) -> None:
        self._provider.force_flush()

    def close(self) -> None:
        self._provider.shutdown()


@dataclass(frozen=True, kw_only=True)
class Side:
    """One way to watch, and the share of the traces that it keeps and exports."""

    kind: str
    share: float = 0.0

    @property
    def name(self) -> str:
        """What it is called in tables and on command lines."""
        return self.kind if self.kind == "bare" else f"{self.kind} {self.share:.0%}"

    def watch(self, endpoint: str) -> Watch:
        """Begin to watch, and to export to a receiver at that base URL."""
        if self.kind == "bare":
            return _Nobody()
        if self.kind == "stock":
            return _Stock(self.share, endpoint)
        return _Ours(Recorder if self.kind == "lean" else _standard(), self.share, endpoint)


BARE = Side(kind="bare")
LEAN = Side(kind="lean", share=0.01)
SIDES: Sequence[Side] = (
    BARE,
    Side(kind="lean", share=0.0),
    LEAN,
    Side(kind="lean", share=1.0),
    Side(kind="standard", share=0.01),
    Side(kind="standard", share=1.0),
    Side(kind="stock", share=0.05),
    Side(kind="stock", share=1.0),
)

_STANDARD = "tailgate_otel.standard"


def present() -> list[Side]:
    """The sides whose software is there."""
    return [side for side in SIDES if side.kind != "standard" or importlib.util.find_spec(_STANDARD)]


def _standard() -> Callable[[Config], Recorder]:
    recorder: Callable[[Config], Recorder] = importlib.import_module(_STANDARD).StandardRecorder
    return recorder
