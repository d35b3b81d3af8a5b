"""Kept traces in a file: a trace a line, readable by nobody else, bounded, and read again by the run's own reader."""

import json
import os
import re
import stat
import sys
import threading
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext
from tailgate_loadtest.run.spans import attribute, root_of
from tailgate_loadtest.run.traces import TraceStore
from tailgate_otel import Config, ConfigError, Recorder, names
from tailgate_otel.tracefile import TraceFile

_RESOURCE = Resource({"service.name": "shop"})


def span(trace_id: int, span_id: int, **fields: object) -> ReadableSpan:
    return ReadableSpan("x", SpanContext(trace_id, span_id, is_remote=False), resource=_RESOURCE, **fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traces.jsonl"


def documents(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_trace_is_a_line(path):
    file = TraceFile(str(path))
    assert file.export([span(1, 1), span(1, 2), span(2, 3), span(1, 4)]) is SpanExportResult.SUCCESS
    assert file.export([span(3, 5)]) is SpanExportResult.SUCCESS
    file.shutdown()
    found = [
        {one["traceId"]: one["spanId"] for one in scope["spans"]}
        for document in documents(path)
        for resource in document["resourceSpans"]
        for scope in resource["scopeSpans"]
    ]
    assert [set(traces) for traces in found] == [{f"{n:032x}"} for n in (1, 2, 3)]


def test_the_file_is_its_owners_alone_and_is_appended_to(path):
    before = os.umask(0)
    try:
        file = TraceFile(str(path))
    finally:
        os.umask(before)
    file.shutdown()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("{}\n")
    file = TraceFile(str(path))
    file.export([span(1, 1)])
    file.shutdown()
    assert len(documents(path)) == 2


def test_a_full_file_takes_nothing_more(path):
    file = TraceFile(str(path), limit=1000)
    results = [file.export([span(n, 1), span(n + 1, 1)]) for n in range(1, 20)]
    file.shutdown()
    taken = results.index(SpanExportResult.FAILURE)
    assert set(results[taken:]) == {SpanExportResult.FAILURE}
    assert len(documents(path)) == 2 * taken
    assert 1000 <= path.stat().st_size < 2000


@pytest.mark.parametrize("kind", ["directory", "missing directory", "pipe", "device", "null byte"])
def test_what_cannot_be_written_is_named(kind, tmp_path):
    path = tmp_path / "there"
    if kind == "directory":
        path.mkdir()
    elif kind == "missing directory":
        path = path / "no" / "file"
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path(os.devnull)
    named = f"{path}\0" if kind == "null byte" else str(path)
    with pytest.raises(ConfigError, match=re.escape(f"traces_file={named!r}")):
        Recorder(Config(service_name="x", metrics_port=0, traces_file=named)).start()


def test_a_missing_extra_is_named(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.json.file.trace_exporter", None)
    with pytest.raises(ConfigError, match=r"pip install 'tailgate-otel\[file\]'"):
        TraceFile(str(path))


def test_several_writers_share_a_file_line_by_line(path):
    files = [TraceFile(str(path)) for _ in range(4)]
    wide = {f"attribute.{n}": "x" * 500 for n in range(60)}

    def write(file: TraceFile, number: int) -> None:
        for n in range(20):
            file.export([span(number * 100 + n + 1, 1, attributes=wide)])

    threads = [threading.Thread(target=write, args=(file, number)) for number, file in enumerate(files)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for file in files:
        file.shutdown()
    assert len(documents(path)) == 80


def test_the_environment_names_the_file(path):
    assert Config.from_env({names.ENV_TRACES_FILE: str(path)}).traces_file == str(path)
    assert Config.from_env({}).traces_file is None
    with pytest.raises(ConfigError, match="traces_file"):
        Config(service_name="x", traces_file="")


async def test_a_recorders_file_is_read_by_the_runs_own_reader(path, pool):
    recorder = Recorder(Config(service_name="shop", metrics_port=0, traces_file=str(path), sample_ratio=1.0))
    recorder.start()
    tracer = recorder.tracer_provider.get_tracer("shop")
    app = FastAPI()

    @app.get("/{number}")
    async def endpoint(number: int) -> None:
        with tracer.start_as_current_span("within"):
            await pool.fetchval(f"select {number}")

    transport = httpx.ASGITransport(recorder.middleware(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        for number in range(3):
            await client.get(f"/{number}")
    tracer.start_span("a job").end()
    recorder.close()
    lines = documents(path)
    assert len(lines) == 4
    roots = [root_of(line) for line in lines if "a job" not in str(line)]
    assert [root["name"] for root in roots] == ["GET /{number}"] * 3
    assert [attribute(root, names.ATTR_PATH) for root in roots] == ["/0", "/1", "/2"]
    store = TraceStore()
    for line in lines:
        store.add(line)
    assert (store.received, store.refused) == (3, 0)
    assert recorder.meters.spans_dropped.totals[()] == 0
