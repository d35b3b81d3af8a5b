"""Calls of a store that the database gave up for another's sake, made once more.

Of transactions that wait for each other Postgres undoes one, and of those that it cannot put in an order; whose it was
is to try again (PostgreSQL's manual, 13.5). A call of a store writes in one transaction, or not at all: of one that was
undone nothing is there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from asyncpg.exceptions import DeadlockDetectedError, SerializationError

from tailgate_service.store.base import Store

# Seconds. At once it would overtake the one for whose sake it was undone, who has yet to wake, and be undone again.
_PAUSES = (0.05, 0.2)
TRIES = len(_PAUSES) + 1
"""Of each call. A deadlock is looked for after a second (``deadlock_timeout``): so many seconds may be lost on them."""
UNDONE = (DeadlockDetectedError, SerializationError)
"""What is raised when the last try was undone as well."""

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def retrying(store: Store) -> Store:
    """``store``, whose parts make each call up to ``TRIES`` times."""
    return cast("Store", _Store(store))


class _Store:
    def __init__(self, store: Store) -> None:
        self.variant = store.variant
        self._store = store

    def __getattr__(self, part: str) -> Any:
        return _Part(getattr(self._store, part))


class _Part:
    def __init__(self, part: object) -> None:
        self._part = part

    def __getattr__(self, call: str) -> Any:
        return _again(getattr(self._part, call))


def _again(call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    @wraps(call)
    async def tried(*args: P.args, **kwargs: P.kwargs) -> T:
        for pause in _PAUSES:
            try:
                return await call(*args, **kwargs)
            except UNDONE as error:
                log.warning("%s is tried again: %s: %s", call.__qualname__, type(error).__name__, error)
            await asyncio.sleep(pause)
        return await call(*args, **kwargs)

    return tried
