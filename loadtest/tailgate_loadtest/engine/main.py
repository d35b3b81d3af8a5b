"""The engine process: orders in by standard input, a line of JSON a second out, the log and the account on disk.

Standard input stays open for as long as the one who gave the orders lives; when it closes, the load ends.
"""

import json
import os
import random
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from gevent.monkey import get_original
from locust.env import Environment
from locust.exception import LocustError, RPCError
from locust.runners import STATE_CLEANUP, Runner
from tailgate_otel.names import ENV_TARGETS

from tailgate_loadtest.engine import alone, feeding
from tailgate_loadtest.engine.alone import Part
from tailgate_loadtest.engine.desk import Desk, Say
from tailgate_loadtest.engine.feeding import Dealt
from tailgate_loadtest.engine.hand import hand_for, hand_of
from tailgate_loadtest.engine.health import Health
from tailgate_loadtest.engine.loads import drive, mix_of, schedule_for
from tailgate_loadtest.engine.locustfile import classes_for, environment_for
from tailgate_loadtest.engine.master import Master
from tailgate_loadtest.engine.naming import Naming
from tailgate_loadtest.engine.probe import Probe, hasten
from tailgate_loadtest.engine.rehearsal import rehearse
from tailgate_loadtest.engine.stats import StatsFeed
from tailgate_loadtest.engine.strangers import create_runner as create_master
from tailgate_loadtest.engine.worker import Worker, ask
from tailgate_loadtest.engine.worker import create_runner as create_worker
from tailgate_loadtest.errors import LoadtestError
from tailgate_loadtest.measure.hlog import LogWriter
from tailgate_loadtest.measure.probe import line
from tailgate_loadtest.shapes.dealing import Dealer, Files
from tailgate_loadtest.shapes.orders import Enlistment, Orders, Probing, Rival, Swarm, read
from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.shapes.sides import Side, SideSchedule

USAGE = 2
_GRACE = 4.0
"""Seconds from the end of who gave the orders until the engine is killed, if it has not ended by then."""


def main() -> int:
    """Run one load. 0: done, whatever it found; 2: the locustfile or the orders cannot be run."""
    # A locustfile may print; what it prints goes to the log, and only we speak on standard output.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        try:
            out.write(json.dumps(message) + "\n")
        except BrokenPipeError:
            return  # nobody listens any more; standard input closes too, and that ends the load

    told = read(sys.stdin.readline())
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    _end_with_parent()
    try:
        _help(told, say, stop) if isinstance(told, Enlistment) else _obey(told, say, stop)
    except (LocustError, RPCError, LoadtestError) as error:
        say({"error": str(error)})
        return USAGE
    return 0


def _obey(orders: Orders, say: Say, stop: Event) -> None:
    """Put a load on, alone or at the head of others."""
    _prepare(orders)
    files = Files(seed=orders.seed, again=orders.rehearse or orders.probe is not None)
    feeding.use(files)
    if orders.probe is not None:
        hasten()
    crew = None if orders.rehearse else orders.crew
    environment = _environment(orders, lambda env: create_master(env, crew) if crew else env.create_local_runner())
    if orders.rehearse:
        say({"rehearsal": rehearse(environment, Naming(orders.routes, orders.host))})
        return
    if orders.probe is not None:
        _probe(orders, orders.probe, environment, say, stop)
    elif orders.rival:
        _put_on_both(orders, orders.rival, environment, say, stop)
    else:
        with Path(orders.log).open("w", encoding="ascii") as file:
            _put_on(orders, environment, files, LogWriter(file), say, stop)
    say({"done": True})
    _put_away(environment, closed=isinstance(orders.load, Swarm))


def _help(enlistment: Enlistment, say: Say, stop: Event) -> None:
    """Put a part of somebody else's load on."""
    orders = ask(enlistment)
    _prepare(orders)
    dealt = Dealt()
    feeding.use(dealt)
    environment = _environment(orders, lambda env: create_worker(env, enlistment))
    worker = Worker(orders, environment, dealt, stop)
    worker.work()
    say({"error": worker.dismissed} if worker.dismissed else {"done": True})
    _put_away(environment, closed=isinstance(orders.load, Swarm))


def _prepare(orders: Orders) -> None:
    random.seed(orders.seed)
    if orders.targets:
        os.environ[ENV_TARGETS] = orders.targets


def _environment(orders: Orders, runner: Callable[[Environment], Runner]) -> Environment:
    try:
        return environment_for(orders, runner)
    except (LocustError, RPCError, LoadtestError):
        raise
    except (SystemExit, Exception) as error:
        raise LocustError(f"{orders.locustfile}: {type(error).__name__}: {error}") from error


def _put_on(orders: Orders, environment: Environment, files: Files, log: LogWriter, say: Say, stop: Event) -> None:
    """On one side."""
    swarm, classes = orders.load if isinstance(orders.load, Swarm) else None, environment.user_classes
    schedule = None if isinstance(orders.load, Swarm) else schedule_for(orders.load, classes, orders.seed)
    desk = Desk(log, StatsFeed(environment.stats), schedule, orders.load.users, orders.tolerance)

    def driven(now: Callable[[], float], stop: Event) -> None:
        if swarm is not None:
            drive(environment, swarm, now, stop)

    if orders.crew:
        master = Master(orders, orders.crew, environment, desk, schedule, driven, Dealer(files))
        with master.children():
            master.lead(say, stop)
    else:
        alone.put_on([Part(hand=hand_for(orders, environment, 0, 1, driven), desk=desk, say=say)], stop)
    desk.close(Path(orders.result))


def _put_on_both(orders: Orders, rival: Rival, environment: Environment, say: Say, stop: Event) -> None:
    """On two sides at once. Raises LocustError for a load that has no arrivals to share."""
    if not isinstance(orders.load, Profile):
        raise LocustError("two sides are loaded by a profile")
    theirs = orders.of(rival)
    os.environ |= {ENV_TARGETS: theirs.targets} if theirs.targets else {}
    health, parts = Health(orders.host), []
    with ExitStack() as files:
        for side, own, classes in (
            (Side.BASE, orders, environment.user_classes),
            (Side.CANDIDATE, theirs, classes_for(theirs, environment)),
        ):
            schedule = SideSchedule(orders.load, mix_of(orders.load, classes), orders.seed, rival.design, side)
            log = LogWriter(files.enter_context(Path(own.log).open("w", encoding="ascii")))
            desk = Desk(log, StatsFeed(environment.stats), schedule, orders.load.users, orders.tolerance)
            hand = hand_of(own, environment, classes, schedule, health)
            parts.append(Part(hand=hand, desk=desk, say=partial(_say_of, say, side)))
        alone.put_on(parts, stop)
        for part, own in zip(parts, (orders, theirs), strict=True):
            part.desk.close(Path(own.result))


def _probe(orders: Orders, asked: Probing, environment: Environment, say: Say, stop: Event) -> None:
    """Ask one request after the other."""
    with Path(orders.log).open("w", encoding="utf-8") as file:
        Probe(orders, asked, environment, lambda entry: file.write(line(entry))).run(say, stop)


def _say_of(say: Say, side: Side, message: dict[str, Any]) -> None:
    say({**message, "side": side})


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
