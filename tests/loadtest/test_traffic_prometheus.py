"""Against a real Prometheus that holds half a day of a shop's counters, written into it by its own tool."""

import math
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tailgate_loadtest.errors import TrafficError
from tailgate_loadtest.traffic.draft import draft
from tailgate_loadtest.traffic.prometheus import Counter, Prometheus

from tests.server import Response, Server
from tests.tailgate.conftest import free_port

PEERS = Path(__file__).parents[2] / ".venv" / "peers" / "usr" / "bin"
PATH = f"{os.environ.get('PATH', '')}:{PEERS}"
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus", path=PATH) is None, reason="prometheus is not installed: apt-get install prometheus"
)

SCRAPE = 15
HOURS = 12
END = 1_760_000_400 // 3600 * 3600
START = END - HOURS * 3600
NOON = START + 6 * 3600
MIX = {
    ("GET", "/orders"): 0.5,
    ("GET", "/orders/{id}"): 0.3,
    ("POST", "/orders"): 0.15,
    ("GET", "(unknown)"): 0.05,
}


def rate(at: float) -> float:
    """10/s, and a bell of 90/s more around noon."""
    return 10 + 90 * math.exp(-(((at - NOON) / 1800) ** 2))


def exposition() -> str:
    """The counters at each scrape; one of two instances starts again at 0 in the middle of the busiest hour."""
    metric = "http_server_request_duration_seconds_count"
    lines = ["# TYPE http_server_request_duration_seconds histogram"]
    for (method, route), share in MIX.items():
        for instance, part in (("a", 0.75), ("b", 0.25)):
            count = 0.0
            for at in range(START, END + 1, SCRAPE):
                count += rate(at - SCRAPE / 2) * SCRAPE * share * part
                if instance == "b" and at == NOON:
                    count = rate(at) * SCRAPE * share * part / 2
                labels = f'http_request_method="{method}",http_route="{route}",instance="{instance}",job="shop"'
                lines.append(f"{metric}{{{labels}}} {count:.3f} {at}")
    lines += ["# TYPE hits counter"]
    lines += [f'hits_total{{verb="get",path="/a\\nb{i}"}} {at - START} {at}' for i in (1, 2) for at in (START, END)]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "shop.om").write_text(exposition())
    (folder / "prometheus.yml").write_text("global: {}\n")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", "shop.om", "data"],
        cwd=folder, env={**os.environ, "PATH": PATH}, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    address = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                shutil.which("prometheus", path=PATH) or "", "--config.file=prometheus.yml",
                "--storage.tsdb.path=data", "--storage.tsdb.retention.time=100y", f"--web.listen-address={address}",
            ],
            cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await_ready(f"http://{address}/-/ready", process, folder / "log")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def await_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(log.read_text())


def shop(address: str, **more: object) -> Prometheus:
    return Prometheus(address, Counter(match='job="shop"'), **{"since": HOURS * 3600.0, "until": float(END), **more})


@needs_prometheus
@pytest.mark.xdist_group("prometheus")
class TestPrometheus:
    def test_rates_are_what_was_counted_through_a_restart(self, prometheus: str) -> None:
        series = shop(prometheus).series()
        assert series.step == 4 * SCRAPE
        expected = [rate(series.start + (i + 0.5) * series.step) for i in range(len(series.counts))]
        assert len(series.counts) > HOURS * 60 - 5
        # The restart loses what came after the last scrape before it: half a scrape of a quarter of the requests.
        lost = 0.25 * 0.5 * SCRAPE / series.step
        off = np.abs(series.counts / series.step / expected - 1)[1:]
        assert max(off) == pytest.approx(lost, rel=0.05)
        assert sorted(off)[-2] < 0.002

    def test_the_busiest_hour_becomes_the_profile_and_its_mix(self, prometheus: str) -> None:
        made = draft(shop(prometheus), name="shop", window=3600, duration=600)
        assert abs(made.window.start + 1800 - NOON) <= 60
        assert made.profile.peak == pytest.approx(100, rel=0.05)
        assert made.profile.duration == pytest.approx(600)
        assert made.profile.arrivals == pytest.approx(made.window.rate * 600, rel=0.02)
        assert made.dispersion is None
        shares = {route.name: made.mix.share(route) for route in made.mix.routes}
        assert shares == pytest.approx(
            {"GET /orders": 0.5 / 0.95, "GET /orders/{id}": 0.3 / 0.95, "POST /orders": 0.15 / 0.95}, rel=0.01
        )
        assert sum(made.mix.left_out.values()) == pytest.approx(0.05 / 0.95 * made.mix.requests, rel=0.01)
        assert {route.name: route.needs for route in made.mix.routes} == {
            "GET /orders": (),
            "GET /orders/{id}": ("data",),
            "POST /orders": ("a body",),
        }

    def test_however_long_the_time_the_points_stay_below_prometheuss_limit(self, prometheus: str) -> None:
        series = shop(prometheus, since=90 * 24 * 3600.0).series()
        assert series.step == 778
        assert series.requests == pytest.approx(sum(map(rate, range(START, END))), rel=0.03)

    def test_another_counter_with_other_labels_is_named(self, prometheus: str) -> None:
        counter = Counter(metric="hits_total", method="verb", route="path")
        source = Prometheus(prometheus, counter, since=24 * 3600.0 * 10, until=END + 2 * 24 * 3600.0)
        made = draft(source, name="hits", window=3600, duration=600)
        assert [route.name for route in made.mix.routes] == ["GET /a?b1", "GET /a?b2"]

    @pytest.mark.parametrize(
        ("counter", "message"),
        [
            (Counter(metric="nothing"), r"has no series nothing\{\} in the last 43200s; name yours by --metric"),
            (Counter(match='job="shop'), "answers 400 bad_data: .*parse error"),
            (
                Counter(route="path"),
                r"no request of the busiest 3600 s is on a route: .* in the label path",
            ),
        ],
    )
    def test_what_it_has_not_is_said(self, prometheus: str, counter: Counter, message: str) -> None:
        source = Prometheus(prometheus, counter, since=HOURS * 3600.0, until=float(END))
        with pytest.raises(TrafficError, match=message):
            draft(source, name="shop", window=3600, duration=600)

    def test_a_time_shorter_than_a_few_scrapes_is_refused(self, prometheus: str) -> None:
        with pytest.raises(TrafficError, match="is scraped every 43200 s, so --since must be 172800s at the least"):
            Prometheus(prometheus, Counter(metric="hits_total"), since=50_000, until=END + 60.0).series()


@pytest.mark.parametrize("url", ["prometheus:9090", "file:///etc/passwd", "http://", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(TrafficError, match="--prometheus: must be an address like"):
        Prometheus(url, Counter(), since=3600)


@pytest.mark.parametrize("bad", [{"metric": "a{b}"}, {"method": "x) or vector(1"}, {"route": ""}])
def test_a_name_that_is_none_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(TrafficError, match="is no name of Prometheus"):
        Counter(**bad)


def test_nobody_listening_is_said_without_the_password() -> None:
    source = Prometheus(f"http://me:secret@127.0.0.1:{free_port()}", Counter(), since=3600)
    with pytest.raises(TrafficError, match=r"cannot be asked: .*refused") as caught:
        source.series()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"data": {"result": {}}}', b"[" * 100_000, b'{"data": {"result": [1]}}', b""]
)
def test_something_else_than_a_prometheus_is_said_and_gets_the_credentials(body: bytes) -> None:
    with Server(Response(body)) as server:
        source = Prometheus(f"http://me:pass@{server.host}/base/", Counter(), since=3600)
        with pytest.raises(TrafficError, match="what answers there is no Prometheus"):
            source.series()
    (asked,) = server.asked
    assert asked.target.startswith("/base/api/v1/query?")
    assert asked.headers["authorization"] == "Basic bWU6cGFzcw=="
