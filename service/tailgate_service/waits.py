"""What Postgres says its sessions wait for, and which locks they hold, for the metrics page."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager

from tailgate_otel import names
from tailgate_otel.exposition import Labels, gauge

from tailgate_service.background import beside
from tailgate_service.listener import LOST, Listener

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two questions."""

# Types of waits, as Postgres' manual has them under pg_stat_activity, that are worth a line of 0.
_USUAL = ("running", "Client", "IO", "IPC", "Lock", "LWLock")

# The role sees what its own sessions wait for, which are the service's, and all sessions' locks. A row that is waited
# for is a lock on its transaction, which is of no database: hence by the sessions'.
_QUESTION = """
SELECT 'session' AS what, coalesce(wait_event_type, 'running') AS name, '' AS state, count(*)::float8 AS value
  FROM pg_stat_activity
 WHERE datname = current_database() AND usename = current_user AND state <> 'idle' AND pid <> pg_backend_pid()
 GROUP BY 2
UNION ALL
SELECT 'lock', mode, CASE WHEN granted THEN 'held' ELSE 'awaited' END, count(*)
  FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE datname = current_database() AND pid <> pg_backend_pid()
 GROUP BY 2, 3
UNION ALL
SELECT 'wait', '', '', coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)
  FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE datname = current_database() AND NOT granted
"""


class Waits:
    """The latest answer, as a source of the recorder's page; nothing while there is none."""

    def __init__(self) -> None:
        self._sessions: dict[Labels, float] | None = None
        self._locks: dict[Labels, float] = {}
        self._longest = 0.0

    def told(self, rows: Iterable[Mapping[str, object]]) -> None:
        """The database has answered."""
        # What was there and is no more is 0, and not as it was.
        sessions: dict[Labels, float] = {**dict.fromkeys(self._sessions or {}, 0.0), **{(w,): 0.0 for w in _USUAL}}
        locks: dict[Labels, float] = dict.fromkeys(self._locks, 0.0)
        for row in rows:
            name, state, value = str(row["name"]), str(row["state"]), float(str(row["value"]))
            if row["what"] == "session":
                sessions[name,] = value
            elif row["what"] == "lock":
                locks[name, state] = value
            else:
                self._longest = value
        self._sessions, self._locks = sessions, locks

    def lost(self) -> None:
        """It does not answer."""
        self._sessions = None

    def text(self, openmetrics: bool) -> Iterator[str]:
        """Every family as it stands."""
        sessions = self._sessions
        if sessions is None:
            return
        yield gauge(
            names.POSTGRES_SESSIONS,
            "The service's sessions that are not idle, by what they wait for.",
            (names.LABEL_WAIT,),
            sessions,
        )
        yield gauge(
            names.POSTGRES_LOCKS,
            "Locks of the database's sessions, held and awaited, by mode.",
            (names.LABEL_LOCK_MODE, names.LABEL_LOCK_STATE),
            self._locks,
        )
        yield gauge(
            names.POSTGRES_LOCK_WAIT,
            "How long the session waits that has waited for a lock the longest.",
            (),
            {(): self._longest},
        )


@asynccontextmanager
async def watching(listener: Listener, waits: Waits, every: float = EVERY) -> AsyncIterator[None]:
    """Ask again and again while the context lasts, by the connection of the listener."""
    async with beside(_watch(listener, waits, every), "waits"):
        yield


async def _watch(listener: Listener, waits: Waits, every: float) -> None:
    while True:
        try:
            waits.told(await listener.ask(_QUESTION))
        except LOST as error:
            # The listener says what became of its connection.
            log.debug("what sessions wait for is not known: %s: %s", type(error).__name__, error)
            waits.lost()
        await asyncio.sleep(every)
