"""Every route is timed and traced under its own name, whoever asks and whatever is answered."""

import re
import uuid

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from tailgate_otel import Config, Recorder, names

from tests.service.api.outside import CASES


@pytest.mark.row("A2")
async def test_every_route_has_its_own_times_and_traces(app):
    asked = [endpoint.split(" ") for endpoint in CASES if not endpoint.startswith("WEBSOCKET")]
    exporter = InMemorySpanExporter()
    recorder = Recorder(Config(service_name="service", metrics_port=0, sample_ratio=1.0), exporter=exporter)
    recorder.start()
    try:
        transport = httpx.ASGITransport(recorder.middleware(app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            for method, path in asked:
                await client.request(method, re.sub(r"\{\w+\}", str(uuid.uuid4()), path))
        async with httpx.AsyncClient() as client:
            page = (await client.get(f"http://127.0.0.1:{recorder.metrics_port}/metrics")).text
    finally:
        recorder.close()
    traced = {span.name for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER}
    counted = re.compile(
        rf'^{names.HTTP_SERVER_DURATION}_count{{.*method="(\w+)".*route="([^"]+)".*}} 1(\.0)?$', re.MULTILINE
    )
    everything = {f"{method} {path}" for method, path in asked}
    assert traced == everything
    assert {f"{method} {path}" for method, path, _ in counted.findall(page)} == everything
