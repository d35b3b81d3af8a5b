"""The metrics page as it is served: what it answers, to whom, on which port, and at nobody's cost."""

import asyncio
import errno
import gzip
import http.client
import logging
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import repeat
from socketserver import TCPServer

import httpx
import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from prometheus_client.process_collector import ProcessCollector
from tailgate_otel import Config, MetricsPortError, names, scrape
from tailgate_otel.exposition import gauge
from tailgate_otel.meters import MAX_ROUTES
from tailgate_otel.scrape import MAX_CONNECTIONS, MetricsServer, serve

from tests.otel.metering import config, meters_of, neighbours

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Own:
    """A collector of an application's own."""

    def collect(self):
        yield GaugeMetricFamily("shop_open", "Whether the shop is open.", 1)


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    made = serve(config(), meters_of(3), [ProcessCollector(registry=None), Own()])
    yield made
    made.close()


def url(server: MetricsServer, path: str = "/metrics") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


@pytest.fixture
def started():
    """Starts servers that are closed at the end."""
    with ExitStack() as stack:

        def start(settings: Config, source=None) -> MetricsServer:
            made = serve(settings, source or meters_of(1))
            stack.callback(made.close)
            return made

        yield start


# What Prometheus 2 and 3 send.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "media", "parse"),
    [
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0", openmetrics),
        (PROMETHEUS_2, "application/openmetrics-text; version=1.0.0", openmetrics),
        (PROMETHEUS_3, "application/openmetrics-text; version=1.0.0", openmetrics),
        ("text/plain", "text/plain; version=0.0.4", prometheus),
        ("text/html,*/*", "text/plain; version=0.0.4", prometheus),
        ("", "text/plain; version=0.0.4", prometheus),
    ],
)
def test_the_page_is_in_the_format_that_was_asked_for(server, accept, media, parse):
    answer = httpx.get(url(server), headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media)
    families = {family.name: family for family in parse(answer.text)}
    assert {names.HTTP_SERVER_DURATION, names.QUERIES_PER_REQUEST, "shop_open"} <= families.keys()
    assert "process_cpu_seconds" in {name.removesuffix("_total") for name in families}
    exemplars = {s.name for f in families.values() for s in f.samples if s.exemplar}
    assert exemplars == ({f"{names.HTTP_SERVER_DURATION}_bucket"} if parse is openmetrics else set())


def test_counters_end_in_total_and_no_family_comes_twice(server):
    families = list(openmetrics(httpx.get(url(server), headers={"accept": OPENMETRICS}).text))
    assert len({family.name for family in families}) == len(families)
    counters = [s.name for family in families if family.type == "counter" for s in family.samples]
    assert counters
    assert all(name.endswith("_total") for name in counters)


@pytest.mark.parametrize("accept", [OPENMETRICS, "text/plain"])
def test_a_client_that_takes_gzip_gets_the_same_page_compressed(server, accept):
    def body(encoding: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/metrics", headers={"Accept": accept, "Accept-Encoding": encoding})
        answer = connection.getresponse()
        return answer, answer.read()

    plain, text = body("identity")
    packed, compressed = body("gzip")
    assert plain.headers["content-encoding"] is None
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(compressed) < len(text)
    without_process = b"# HELP process_"
    assert gzip.decompress(compressed).partition(without_process)[0] == text.partition(without_process)[0]


def test_head_is_answered_without_a_body(server):
    answer = httpx.head(url(server))
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metricsx", "/favicon.ico", "/%2e/metrics"])
def test_any_other_path_is_not_found(server, path):
    assert httpx.get(url(server, path)).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
def test_any_other_method_is_refused(server, method):
    answer = httpx.request(method, url(server))
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_query_string_does_not_matter(server):
    assert httpx.get(url(server, "/metrics?name[]=x")).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET http://[ HTTP/1.0\r\n\r\n",
        b"GET /metrics HTTP/1.0\r\n" + b"x: y\r\n" * 5000 + b"\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 500 + b"\n",
    ],
    ids=["nothing", "half a line", "another version", "a bad address", "many headers", "a long path", "TLS"],
)
def test_nonsense_ends_its_own_connection_and_nothing_else(server, sent, caplog):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        try:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        except OSError:  # it has hung up already
            answer = b""
    assert b"200 OK" not in answer
    assert caplog.records == []
    assert httpx.get(url(server)).status_code == 200


def test_a_label_that_is_no_text_does_not_hide_the_page(started):
    meters = meters_of(1)
    meters.requests.observe(("GET", meters.route("/caf\udce9"), "200"), 1)
    answer = httpx.get(url(started(config(), meters)), headers={"accept": OPENMETRICS})
    routes = {s.labels.get(names.LABEL_ROUTE) for f in openmetrics(answer.text) for s in f.samples}
    assert "/caf?" in routes


def test_a_source_that_fails_is_told_logged_and_survived(started, caplog):
    class Failing:
        failing = True

        def text(self, openmetrics):
            if self.failing:
                raise RuntimeError("no metrics today")
            yield gauge("back", "Back again.", (), {(): 1})

    source = Failing()
    server = started(config(), source)
    with caplog.at_level(logging.ERROR):
        assert httpx.get(url(server)).status_code == 500
    assert "no metrics today" in caplog.text
    source.failing = False
    assert "back 1" in httpx.get(url(server)).text


def test_each_process_takes_the_first_free_port_of_the_range(started):
    first, second = neighbours()
    assert [started(config(first, 2)).port for _ in range(2)] == [first, second]
    with pytest.raises(MetricsPortError) as told:
        started(config(first, 2))
    assert f"127.0.0.1:{first}-{second}" in str(told.value)
    assert names.ENV_METRICS_PORTS in str(told.value)


def test_a_port_that_was_given_back_is_taken_again(started):
    first, second = neighbours()
    one = serve(config(first, 2), meters_of(1))
    assert started(config(first, 2)).port == second
    one.close()
    assert started(config(first, 2)).port == first


def test_port_0_finds_any(started):
    assert len({started(config(0)).port for _ in range(3)}) == 3


def test_a_single_port_that_is_taken_is_named_with_the_cure(started):
    port = started(config()).port
    with pytest.raises(MetricsPortError) as told:
        started(config(port))
    for part in (f"127.0.0.1:{port}", "in use", names.ENV_METRICS_PORT, names.ENV_METRICS_PORTS):
        assert part in str(told.value)


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid"])
def test_an_address_that_is_not_this_machines_is_named_at_once(host):
    with pytest.raises(MetricsPortError, match=host) as told:
        serve(config(9, 5, host), meters_of(1))
    assert names.ENV_METRICS_HOST in str(told.value)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6")
def test_an_address_may_be_of_ipv6(started):
    server = started(config(host="::1"))
    assert httpx.get(f"http://[::1]:{server.port}/metrics").status_code == 200


def test_closing_ends_every_thread_and_hangs_up_on_everybody():
    before = set(threading.enumerate())
    server = serve(config(), meters_of(1))
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET /metr")
        while len(set(threading.enumerate()) - before) < 2:
            threading.Event().wait(0.01)
        mine = set(threading.enumerate()) - before
        server.close()
        assert client.recv(1) == b""
    for thread in mine:
        thread.join(10)
        assert not thread.is_alive()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url(server))


def scrapers() -> list[threading.Thread]:
    """The threads that answer somebody."""
    return [thread for thread in threading.enumerate() if thread.name.endswith("(process_request_thread)")]


def test_clients_that_stay_cannot_pile_up_and_are_hung_up_on(server, monkeypatch):
    address = ("127.0.0.1", server.port)
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(MAX_CONNECTIONS)]
        for client in silent:
            client.sendall(b"GET /met")
        for _ in range(20):
            with socket.create_connection(address, timeout=20) as late:
                assert late.recv(100).startswith(b"HTTP/1.0 503 ")
        assert len(scrapers()) == MAX_CONNECTIONS
        # A byte now and then is no life: each has its deadline.
        for client in silent:
            client.sendall(b"r")
        with monkeypatch.context() as patch:
            patch.setattr(scrape, "_DEADLINE", 0.0)
            assert [client.recv(1) for client in silent] == [b""] * MAX_CONNECTIONS
    while scrapers():
        threading.Event().wait(0.01)
    assert httpx.get(url(server)).status_code == 200


def test_a_client_that_does_not_read_is_hung_up_on(started, monkeypatch):
    class Long:
        """More than a kernel takes in advance."""

        def text(self, openmetrics):
            return repeat("# a comment\n" * 5000, 500)

    server = started(config(), Long())
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert client.recv(8) == b"HTTP/1.0"
        assert scrapers()
        with monkeypatch.context() as patch:
            patch.setattr(scrape, "_DEADLINE", 0.0)
            while scrapers():
                threading.Event().wait(0.01)


def test_a_process_without_files_is_not_kept_busy_by_whoever_knocks(server, monkeypatch):
    failed, slept = threading.Semaphore(0), []

    def fail(_):
        failed.release()
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch, socket.create_connection(("127.0.0.1", server.port), timeout=20):
        patch.setattr(TCPServer, "get_request", fail)
        patch.setattr(scrape.time, "sleep", slept.append)
        with socket.create_connection(("127.0.0.1", server.port), timeout=20):
            for _ in range(3):
                assert failed.acquire(timeout=20)
        assert slept[:2] == [scrape._ROUND] * 2
    assert httpx.get(url(server)).status_code == 200


def test_pages_are_written_one_at_a_time(started):
    class Slow:
        def __init__(self) -> None:
            self.now = self.most = 0

        def text(self, openmetrics):
            self.now += 1
            self.most = max(self.most, self.now)
            threading.Event().wait(0.05)
            yield gauge("up", "Up.", (), {(): 1})
            self.now -= 1

    source = Slow()
    server = started(config(), source)
    answers = []
    clients = [threading.Thread(target=lambda: answers.append(httpx.get(url(server)).status_code)) for _ in range(5)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert answers == [200] * 5
    assert source.most == 1


async def test_the_event_loop_turns_while_a_full_page_is_written(started):
    # No thread is made to give up the interpreter: the loop turns only when the page gives way by itself.
    class Marked:
        writing = False

        def text(self, openmetrics):
            self.writing = True
            yield from meters.text(openmetrics)
            self.writing = False

    meters, source = meters_of(MAX_ROUTES), Marked()
    server = started(config(), source)
    turns = 0
    interval = sys.getswitchinterval()
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**26)
        sys.setswitchinterval(60)
        try:
            writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
            reading = asyncio.create_task(reader.read())
            while not reading.done():
                turns += source.writing
                await asyncio.sleep(0.001)
        finally:
            sys.setswitchinterval(interval)
    writer.close()
    assert len(await reading) > 2_000_000
    assert turns >= 5
