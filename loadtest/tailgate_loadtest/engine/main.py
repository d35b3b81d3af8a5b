"""The engine process: orders in by standard input, a line of JSON a second out, the log and the account on disk.

Standard input stays open for as long as the one who gave the orders lives; when it closes, the load ends.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import gevent
from gevent.event import Event
from gevent.monkey import get_original
from locust.env import Environment
from locust.exception import LocustError
from locust.runners import STATE_CLEANUP
from tailgate_otel.names import ENV_TARGETS, HEADER_RUN_SECRET

from tailgate_loadtest.engine.health import Health
from tailgate_loadtest.engine.loads import ClosedLoad, Load, OpenLoad
from tailgate_loadtest.engine.locustfile import environment_for
from tailgate_loadtest.engine.rehearsal import rehearse
from tailgate_loadtest.engine.stats import StatsFeed
from tailgate_loadtest.engine.tracker import Tracker
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import LogWriter
from tailgate_loadtest.measure.recorder import Recorder
from tailgate_loadtest.shapes.orders import Orders, Swarm

USAGE = 2
_MAX_WORDS = 4 * 1024 * 1024
"""Bytes on standard error that are kept."""
_GRACE = 4.0
"""Seconds from the end of who gave the orders until the engine is killed, if it has not ended by then."""


def main() -> int:
    """Run one load. 0: done, whatever it found; 2: the locustfile or the orders cannot be run."""
    # A locustfile may print; what it prints goes to the log, and only we speak on standard output.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    orders = Orders.from_json(sys.stdin.readline())
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    _end_with_parent()
    random.seed(orders.seed)
    if orders.targets:
        os.environ[ENV_TARGETS] = orders.targets
    try:
        environment = environment_for(orders)
    except LocustError as error:
        _say(out, {"error": str(error)})
        return USAGE
    except (SystemExit, Exception) as error:  # noqa: BLE001 - a locustfile may raise anything at all
        _say(out, {"error": f"{orders.locustfile}: {type(error).__name__}: {error}"})
        return USAGE
    if orders.rehearse:
        _say(out, {"rehearsal": rehearse(environment)})
        return 0
    with Path(orders.log).open("w", encoding="ascii") as file:
        return _run(orders, environment, file, out, stop)


def _run(orders: Orders, environment: Environment, file: TextIO, out: TextIO, stop: Event) -> int:
    log = LogWriter(file)
    closed = isinstance(orders.load, Swarm)
    feed = StatsFeed(environment.stats)
    recorder = Recorder(log, 0.0 if isinstance(orders.load, Swarm) else orders.load.warmup, feed.written)
    headers = {HEADER_RUN_SECRET: orders.run_secret} if orders.run_secret else {}
    tracker, health = Tracker(recorder, headers), Health()
    load: Load
    try:
        if isinstance(orders.load, Swarm):
            load = ClosedLoad(environment, tracker, orders.load, orders.drain)
        else:
            load = OpenLoad(environment, tracker, health, orders.load, orders.seed, orders.drain)
    except LocustError as error:
        _say(out, {"error": str(error)})
        return USAGE
    environment.events.request.add_listener(tracker.on_request)
    environment.events.user_error.add_listener(tracker.on_user_error)
    exceptions = _count_exceptions(environment)
    load.prepare(stop)
    tracker.start()
    health.start()
    began = feed.began = time.time()
    log.begin(began, "Logged by tailgate")
    timeline: list[dict[str, float]] = []
    ticker = gevent.spawn(_tick, load, tracker, health, recorder, timeline, out)
    load.run(stop)
    ended = tracker.now()
    unfinished = tracker.end()
    ticker.kill()
    arrivals = load.finish()
    recorder.close()
    report = health.report()
    result = {
        "began": began,
        "seconds": ended,
        "stopped_early": stop.is_set(),
        "model": "closed" if closed else "open",
        "arrivals": {**arrivals, "unfinished": unfinished},
        "warmup_requests": recorder.warmup_requests,
        "generator": report,
        "routes": {
            route: {"setup": totals.setup, "errors": dict(totals.errors.most_common())}
            for route, totals in sorted(recorder.totals.items())
        },
        "folded_routes": recorder.folded_routes,
        "exceptions": exceptions,
        "timeline": timeline,
    }
    _write_whole(Path(orders.result), json.dumps(result))
    _say(out, {"done": True})
    _put_away(environment, closed)
    return 0


def _tick(
    load: Load,
    tracker: Tracker,
    health: Health,
    recorder: Recorder,
    timeline: list[dict[str, float]],
    out: TextIO,
) -> None:
    second = 0
    while True:
        second += 1
        gevent.sleep(max(second - tracker.now(), 0.0))
        now = tracker.now()
        recorder.fold(now)
        _bound_words()
        times, tracker.recent = tracker.recent, []
        # What is still waited for is already this old: a stall shows at once, not when it is over.
        times += [now - flight.due for flight in tracker.open_flights() if not flight.setup]
        recent = Histogram()
        for seconds in times:
            recent.add(round(seconds * 1e9))
        tick = {
            "second": float(second),
            **load.gauges(now),
            "requests": tracker.requests,
            "failed": tracker.failed,
            "lag": health.latest_lag(),
        }
        if times:
            tick |= {name: recent.quantile(q) for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
        timeline.append(tick)
        _say(out, {"tick": tick})


def _count_exceptions(environment: Environment) -> dict[str, int]:
    counts: dict[str, int] = {}

    def listener(exception: BaseException, **_: Any) -> None:
        name = type(exception).__name__
        if name in counts or len(counts) < 20:
            counts[name] = counts.get(name, 0) + 1

    environment.events.user_error.add_listener(listener)
    return counts


def _put_away(environment: Environment, closed: bool) -> None:
    # The account is written; what a locustfile does in on_stop gets a moment, not the last word.
    with gevent.Timeout(2.0, False):
        if environment.runner is not None:
            environment.runner.user_greenlets.kill(block=True)
            if closed:
                while environment.runner.state == STATE_CLEANUP:  # it is ending, and tells the locustfile when it has
                    gevent.sleep(0.01)
                environment.runner.quit()
            else:
                environment.events.test_stop.fire(environment=environment)
        environment.events.quitting.fire(environment=environment, reverse=True)


def _bound_words() -> None:
    # A locustfile may print, and raise, without end; who started us reads only the last words, from a file.
    if os.fstat(2).st_size > _MAX_WORDS:
        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)


def _write_whole(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _end_with_parent() -> None:
    """End when standard input does: in a hurry, and by force where a locustfile lets nothing else run."""
    sleep = get_original("time", "sleep")

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        sleep(_GRACE)
        os.kill(os.getpid(), signal.SIGKILL)

    # A thread of the system's own: it runs whatever becomes of gevent's loop.
    get_original("_thread", "start_new_thread")(watch, ())


def _say(out: TextIO, message: dict[str, Any]) -> None:
    try:
        out.write(json.dumps(message) + "\n")
    except BrokenPipeError:
        # Nobody listens any more; standard input closes too, and that ends the load.
        return
