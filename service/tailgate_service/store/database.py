"""What the stores ask of asyncpg, whose own classes are not typed."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

Isolation = Literal["repeatable_read"]


class Queries(Protocol):
    """Ways to run one statement; arguments stand for ``$1`` and on, rows are read by column name."""

    async def execute(self, query: str, *args: Any) -> str:
        """Run it for its effect."""
        ...

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """All rows."""
        ...

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """The first row, or None."""
        ...

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first row's first value, or None."""
        ...


class Connection(Queries, Protocol):
    """One connection: its statements run one after another."""

    def transaction(self, *, isolation: Isolation | None = None) -> AbstractAsyncContextManager[Any]:
        """A transaction that commits at the end of the block and is undone by an exception.

        Each of its statements sees what was committed before it; with ``isolation``, before the first of them.
        """
        ...

    def get_server_pid(self) -> int:
        """The process that serves it, whose number notifications bear."""
        ...

    async def set_type_codec(
        self,
        typename: str,
        *,
        schema: str,
        format: Literal["binary"],  # noqa: A002 - asyncpg's name
        encoder: Callable[[Any], bytes],
        decoder: Callable[[bytes], Any],
    ) -> None:
        """From now on values of a type are written and read by these."""
        ...


class Pool(Queries, Protocol):
    """Many connections: each statement, and each ``acquire``, takes one of its own."""

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for the block."""
        ...
