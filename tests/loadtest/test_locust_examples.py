"""Locust's own examples, unchanged: each that needs nothing outside runs, closed and open.

They come with Locust's source distribution, up to the version named here; ``.ci/peers`` fetches that.
"""

import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tailgate_loadtest.run.conduct import conduct
from tailgate_loadtest.run.document import RunDocument
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.shapes.orders import Swarm
from tailgate_loadtest.shapes.profile import Profile

from tests.loadtest.conftest import steady
from tests.server import Request, Response, Server

SCRIPT = Path(sys.executable).with_name("tailgate")
EXAMPLES = Path(__file__).parents[2] / ".venv/peers/locust-2.29.1/examples"

pytestmark = [
    pytest.mark.skipif(not EXAMPLES.is_dir(), reason="Locust's examples are not there: run .ci/peers"),
    pytest.mark.xdist_group("locust-examples"),  # they are run together, once
]

RUN = [
    "add_command_line_argument.py",
    "basic.py",
    "custom_shape/double_wave.py",
    "custom_shape/stages.py",
    "custom_shape/staging_user_classes.py",
    "custom_shape/step_load.py",
    "custom_shape/wait_user_count.py",
    "custom_wait_function.py",
    "custom_xmlrpc_client/xmlrpc_locustfile.py",
    "debugging.py",
    "debugging_advanced.py",
    "dispatch_test_scripts/locustfile.py",
    "dynamic_user_credentials.py",
    "events.py",
    "extend_web_ui.py",
    "fast_http_locust.py",
    "locustfile.py",
    "manual_stats_reporting.py",
    "multiple_hosts.py",
    "nested_inline_tasksets.py",
    "semaphore_wait.py",
    "stop_on_threshold.py",
    "web_ui_auth.py",
    "web_ui_cache_stats.py",
]
SHAPES = [name for name in RUN if name.startswith("custom_shape/")]
NEED_MORE = {
    "browse_docs_sequence_test.py": "the package pyquery",
    "browse_docs_test.py": "the package pyquery",
    "custom_messages.py": "a master with workers; alone, Locust itself cannot run it",
    "grpc/locustfile.py": "the package grpcio",
    "rest.py": "example.com and postman-echo.com",
    "sdk_session_patching/session_patch_locustfile.py": "the package jitsuin-archivist",
    "terraform/aws/plan/basic.py": "google.com, microsoft.com and facebook.com",
    "test_data_management.py": "postman-echo.com",
    "worker_index.py": "the package locust-plugins",
}
NO_LOCUSTFILES = {
    "custom_xmlrpc_client/server.py",
    "grpc/grpc_user.py",
    "grpc/hello_pb2.py",
    "grpc/hello_pb2_grpc.py",
    "grpc/hello_server.py",
    "use_as_lib.py",
}
SEND_NOTHING = {"add_command_line_argument.py"}
RAISE_ON_PURPOSE = {"manual_stats_reporting.py"}
SWARM = Swarm(users=2, spawn_rate=2, run_time=2)
AT_ONCE = 4
"""Runs that go side by side: they wait for most of their time."""
TAKES = 0.02
"""Seconds of an answer: who never waits asks a hundred times a second, and needs no more."""


def agree(request: Request) -> Response:
    """Answers 200 to everything; XML-RPC, too, by 1."""
    time.sleep(TAKES)
    if request.headers.get("content-type") == "text/xml":
        return Response(xmlrpc.client.dumps((1,), methodresponse=True).encode(), headers={"Content-Type": "text/xml"})
    return Response(b'{"path": "/"}', headers={"Content-Type": "application/json"})


class Patient(Plan):
    """A plan that waits for the longest of what examples do in one go, which is to ask ten times, once a second."""

    @property
    def drain(self) -> float:
        return 15.0 if isinstance(self.load, Profile) else super().drain


Outcomes = Callable[[str, str], RunDocument]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(agree) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("API_HOST", server.url)  # the example of several hosts asks for it
        yield server


def wait_for(server: Server, path: str, requests: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody has asked for more than a little."""
    while sum(request.path == path for request in server.asked) < requests and process.poll() is None:
        time.sleep(0.05)


@pytest.fixture(scope="module")
def outcome(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    """What came of running an example in a way; all are begun at once, a few at a time."""

    def run(example: str, load: Swarm | Profile) -> RunDocument:
        out = tmp_path_factory.mktemp("runs")
        plan = Patient(host=server.url, locustfile=EXAMPLES / example, load=load, out=out)
        return conduct(plan, Interruption(), on_tick=lambda _: None).read_run()

    def interrupt(example: str) -> RunDocument:
        directory = tmp_path_factory.mktemp("shape")
        command = [SCRIPT, "run", "-f", EXAMPLES / example, "-H", f"{server.url}/{directory.name}"]
        with subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            wait_for(server, f"/{directory.name}/", 3, process)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
        assert process.returncode == 130, said
        return RunDocument.model_validate_json((directory / "runs/latest/run.json").read_text())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun: dict[tuple[str, str], Future[RunDocument]] = {}

        def outcome(example: str, way: str) -> RunDocument:
            if not begun:
                begun.update({(each, "closed"): pool.submit(run, each, SWARM) for each in RUN})
                begun.update({(each, "open"): pool.submit(run, each, steady(10, 1)) for each in RUN})
                begun.update({(each, "shape"): pool.submit(interrupt, each) for each in SHAPES})
            return begun[example, way].result()

        yield outcome
        pool.shutdown(cancel_futures=True)


def test_every_example_is_run_or_named_with_what_it_needs():
    there = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.py")}
    assert there == {*RUN, *NEED_MORE, *NO_LOCUSTFILES}


@pytest.mark.parametrize("example", RUN)
def test_an_example_runs_closed(outcome, example):
    document = outcome(example, "closed")
    unharmed(document, example)
    assert document.arrivals.most_users <= SWARM.users
    # The end comes at a time, whatever is under way: each user may have one request cut short.
    assert sum(route.censored for route in document.routes) <= SWARM.users


@pytest.mark.parametrize("example", sorted(RUN))
def test_an_example_runs_open(outcome, example):
    document = outcome(example, "open")
    unharmed(document, example)
    arrivals = document.arrivals
    assert (arrivals.arrived, arrivals.started) == (10, 10)
    assert (arrivals.abandoned, arrivals.unstarted) == (0, 0)
    assert not any(route.censored for route in document.routes)


@pytest.mark.parametrize("example", SHAPES)
def test_an_example_runs_by_its_own_shape_until_interrupted(outcome, example):
    document = outcome(example, "shape")
    assert document.interrupted == "SIGINT"
    assert sum(route.requests for route in document.routes) >= 2  # of three, one may have been cut short
    assert not any(route.failed for route in document.routes)


def unharmed(document: RunDocument, example: str) -> None:
    """An example did what it does under Locust."""
    assert bool(document.exceptions) <= (example in RAISE_ON_PURPOSE), document.exceptions
    requests = sum(route.requests for route in document.routes)
    assert bool(requests) == (example not in SEND_NOTHING)
    failed = {route.route: route.errors for route in document.routes if route.failed}
    assert bool(failed) <= (example in RAISE_ON_PURPOSE), failed
