"""Several processes of one service, as docs/metrics.md says, under a real Prometheus."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.process_collector import ProcessCollector
from tailgate_otel import names
from tailgate_otel.scrape import serve

from tests.otel.metering import Single, config, meters_of, neighbours
from tests.tailgate.conftest import free_port

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
PEERS = Path(__file__).parents[2] / ".venv" / "peers" / "usr" / "bin"
PATH = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}:{PEERS}"
ENVIRONMENT = {**os.environ, "PATH": PATH}
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus", path=PATH) is None, reason="prometheus is not installed: apt-get install prometheus"
)
PATIENCE = 60


def snippet(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return found


def eventually(ask: Callable[[], Any]) -> Any:
    """The first answer that is one."""
    until = time.monotonic() + PATIENCE
    while True:
        with suppress(OSError, httpx.TransportError):
            if answer := ask():
                return answer
        if time.monotonic() > until:
            raise TimeoutError("the answer never came")
        time.sleep(0.1)


@contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """A program with whatever it starts, until the block ends."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            # Whoever is left of its session: nobody, if it has ended well.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class Prometheus:
    """One that has begun to answer."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, path: str, **parameters: object) -> Any:
        url = f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]

    def values(self, query: str) -> dict[str, float]:
        """Instance or route -> value."""
        found = self.ask("query", query=query)["result"]
        return {
            one["metric"].get("instance") or one["metric"].get(names.LABEL_ROUTE, ""): float(one["value"][1])
            for one in found
        }


@contextmanager
def prometheus(folder: Path, scraping: str, *options: str) -> Iterator[Prometheus]:
    (folder / "prometheus.yml").write_text(scraping)
    subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"],
        cwd=folder,
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    address = f"127.0.0.1:{free_port()}"
    paths = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    command = ["prometheus", *paths, f"--web.listen-address={address}", *options]
    with running(command, folder, ENVIRONMENT):
        eventually(lambda: httpx.get(f"http://{address}/-/ready").status_code == 200)
        yield Prometheus(f"http://{address}")


@needs_prometheus
@pytest.mark.xdist_group("prometheus")
def test_each_process_is_a_target_of_its_own_and_together_they_add_up(tmp_path):
    (first, second), port = neighbours(), free_port()
    (tmp_path / "shop.py").write_text(snippet("python"))
    variable, *command = shlex.split(snippet("sh"))
    name, _, value = variable.partition("=")
    environment = {**ENVIRONMENT, name: value, names.ENV_METRICS_PORT: str(first)}
    targets = {f"127.0.0.1:{first}", f"127.0.0.1:{second}"}
    scraping = snippet("yaml").replace("9464", str(first)).replace("9465", str(second)).replace("5s", "1s")
    with ExitStack() as stack:
        stack.enter_context(running([*command, "--port", str(port)], tmp_path, environment))
        watcher = stack.enter_context(prometheus(tmp_path, scraping))
        up = dict.fromkeys(targets, 1.0)
        assert eventually(lambda: watcher.values('up{job="shop"}') == up)
        answered: Counter[int] = Counter()

        def both_have_answered() -> bool:
            # A connection each: the kernel gives them to either.
            answered[httpx.get(f"http://127.0.0.1:{port}/who").json()] += 1
            return len(answered) == 2

        eventually(both_have_answered)
        counted = f'{names.HTTP_SERVER_DURATION}_count{{http_route="/who"}}'
        eventually(lambda: sorted(watcher.values(counted).values()) == sorted(answered.values()))
        assert watcher.values(counted).keys() == targets
        assert watcher.values(snippet("promql")) == {"/who": answered.total()}


def test_a_third_process_finds_no_port_and_says_so(tmp_path):
    first, second = neighbours()
    (tmp_path / "shop.py").write_text(snippet("python"))
    with ExitStack() as stack:
        for _ in range(2):
            stack.callback(serve(config(first, 2), meters_of(0)).close)
        done = subprocess.run(
            [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(free_port())],
            cwd=tmp_path,
            env={**ENVIRONMENT, names.ENV_METRICS_PORT: str(first), names.ENV_METRICS_PORTS: "2"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode != 0
    assert f"127.0.0.1:{first}-{second}" in done.stderr


@needs_prometheus
@pytest.mark.xdist_group("prometheus")
def test_prometheus_stores_the_exemplars(tmp_path):
    meters, traces = meters_of(0), {}
    for number, nanoseconds in enumerate((3_000_000, 200_000_000, 20_000_000_000)):
        key, trace = ("GET", "/orders/{id}", "200"), f"{number + 1:032x}"
        traces[trace] = nanoseconds / 1e9
        meters.requests.observe(key, nanoseconds)
        meters.requests.exemplify(key, nanoseconds, trace)
    with ExitStack() as stack:
        server = serve(config(), meters)
        stack.callback(server.close)
        target = {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}
        scraping = json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [target]})
        watcher = stack.enter_context(prometheus(tmp_path, scraping, "--enable-feature=exemplar-storage"))
        now = time.time()
        asked = {"query": f"{names.HTTP_SERVER_DURATION}_bucket", "start": now - 600, "end": now + 600}
        found = eventually(lambda: watcher.ask("query_exemplars", **asked))
    stored = {e["labels"][names.LABEL_TRACE_ID]: float(e["value"]) for series in found for e in series["exemplars"]}
    assert stored == traces
    assert {series["seriesLabels"][names.LABEL_ROUTE] for series in found} == {"/orders/{id}"}


def test_the_page_names_every_metric_with_its_labels_and_no_other():
    meters, pool = meters_of(1), Single()
    meters.watch(pool, "main")
    meters.n_plus_one.add(("GET", "/"))
    meters.active["GET"] = 1
    meters.requests.cells(("GET", "/", "200", names.SYNTHETIC_TEST))
    for histogram in (meters.queries, meters.db_time):
        histogram.cells(("GET", "/", names.SYNTHETIC_TEST))
    server = serve(config(), meters, [ProcessCollector(registry=None)])
    try:
        accept = {"accept": "application/openmetrics-text; version=1.0.0"}
        text = httpx.get(f"http://127.0.0.1:{server.port}/metrics", headers=accept).text
    finally:
        server.close()
    exported = {}
    for family in openmetrics(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {names.LABEL_LE}
        exported[name] = (family.type, labels)
    ours, _, _ = PAGE.read_text().partition("## What the reference API adds")
    rows = re.findall(r"^\| `([a-z_]+)` \| (histogram|gauge|counter) \| ([^|]*)\|", ours, re.MULTILINE)
    assert len(rows) == len(exported)
    assert {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows} == exported


def test_the_page_names_the_variables():
    for variable in (names.ENV_METRICS_HOST, names.ENV_METRICS_PORT, names.ENV_METRICS_PORTS):
        assert f"| `{variable}` |" in PAGE.read_text()
