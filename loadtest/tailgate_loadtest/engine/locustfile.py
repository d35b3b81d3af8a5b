"""Loads a locustfile the way Locust does, and makes the environment its users live in."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import locust
from locust import User
from locust.argument_parser import parse_options
from locust.env import Environment
from locust.exception import LocustError
from locust.runners import Runner
from locust.util.load_locustfile import load_locustfile

from tailgate_loadtest.engine.http.trust import trust
from tailgate_loadtest.engine.loads import mix_of
from tailgate_loadtest.engine.stats import quiet
from tailgate_loadtest.shapes.orders import Orders, Swarm
from tailgate_loadtest.shapes.profile import Profile


def environment_for(orders: Orders, create_runner: Callable[[Environment], Runner]) -> Environment:
    """The environment of a locustfile under orders, its runner made and its ``init`` event fired.

    Raises:
        LocustError: the locustfile has nothing to run, or lacks a class that was asked for.
    """
    # Locust gives a locustfile its options whole; those that other tools start it with are at their defaults.
    arguments = ["--headless", "-f", orders.locustfile, "--host", orders.host]
    found, shapes = _loaded(orders)
    options = parse_options(args=arguments)
    # A shape that ends would end a headless master with it, and nobody would ask its workers for their last reports.
    options.headless = orders.crew is None
    # What a lost worker leaves, the others take on.
    options.enable_rebalancing = True
    classes = _asked_for(orders, found)
    # A run time given on the command line takes the place of a shape in the file, as under Locust.
    by_shape = isinstance(orders.load, Swarm) and orders.load.run_time is None
    environment = Environment(
        locustfile=orders.locustfile,
        user_classes=classes,
        shape_class=shapes[0] if shapes and by_shape else None,
        tags=list(orders.tags) or None,
        exclude_tags=list(orders.exclude_tags) or None,
        events=locust.events,
        host=orders.host,
        parsed_options=options,
    )
    if by_shape and environment.shape_class is None:
        raise LocustError(f"{orders.locustfile}: has no LoadTestShape; say how long with -t, or give a --profile")
    runner = quiet(environment, lambda: create_runner(environment))
    _filter(environment, orders)
    if isinstance(orders.load, Profile):
        # Whatever it is loaded for, to rehearse, probe or help: a persona that is not there is said before all else.
        mix_of(orders.load, environment.user_classes)
    environment.events.init.fire(environment=environment, runner=runner, web_ui=None)
    return environment


def classes_for(orders: Orders, environment: Environment) -> list[type[User]]:
    """The same locustfile's classes once more, for another side: loaded anew, since that is when it reads its targets.

    Raises:
        LocustError: as ``environment_for``.
    """
    init = environment.events.init
    before = len(init._handlers)
    found, _ = _loaded(orders)
    classes = _asked_for(orders, found)
    aside = Environment(user_classes=classes, tags=environment.tags, exclude_tags=environment.exclude_tags)
    aside.parsed_options = environment.parsed_options
    _filter(aside, orders)
    # Those of the file as it was loaded first have been told already.
    for told in init._handlers[before:]:
        told(environment=environment, runner=environment.runner, web_ui=None)
    return list(aside.user_classes)


def _loaded(orders: Orders) -> tuple[Mapping[str, type[User]], Sequence[Any]]:
    # A directory beside it would make a working tree another one than it was.
    sys.dont_write_bytecode = True
    found, shapes = load_locustfile(orders.locustfile)
    return found, shapes


def _asked_for(orders: Orders, found: Mapping[str, type[User]]) -> list[type[User]]:
    missing = [name for name in orders.classes if name not in found]
    if missing:
        raise LocustError(f"{orders.locustfile}: has no user class {missing[0]!r}; it has {', '.join(found)}")
    classes = [cls for name, cls in found.items() if not orders.classes or name in orders.classes]
    if not classes:
        raise LocustError(f"{orders.locustfile}: has no user class; write a class that inherits from HttpUser")
    for cls in classes:
        cls.host = orders.host
    trust(classes, orders.tls)
    return classes


def _filter(environment: Environment, orders: Orders) -> None:
    environment._filter_tasks_by_tags()
    environment.user_classes = [cls for cls in environment.user_classes if cls.tasks]
    if not environment.user_classes:
        raise LocustError(f"{orders.locustfile}: no user class has a task left to run; see --tags and --exclude-tags")
