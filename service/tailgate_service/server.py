"""Serving: what the application stands on, opened, checked, announced and closed again."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from signal import SIGINT, SIGTERM
from typing import Any

import asyncpg
import orjson
import uvicorn
from asyncpg.exceptions import InterfaceError, PostgresError
from fastapi import FastAPI
from tailgate_otel import Config, Recorder, create_pool, names
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from tailgate_service.app import create_app, open_store
from tailgate_service.auth.changes import remembering
from tailgate_service.auth.memory import Memory
from tailgate_service.errors import NotReadyError, SettingsError
from tailgate_service.listener import Listener
from tailgate_service.live.prune import pruning
from tailgate_service.migrations.files import ROLE, upto
from tailgate_service.migrations.records import LEVEL
from tailgate_service.settings import RecorderKind, Settings, Variant
from tailgate_service.store.base import Store
from tailgate_service.store.database import Connection, Pool
from tailgate_service.store.readmodel.metrics import ReadModelMetrics
from tailgate_service.switch import Switch
from tailgate_service.waits import Waits, watching

_CONNECT_WITHIN = 10.0
_STATEMENT_WITHIN = 30.0
_CLOSE_WITHIN = 0.5
_BACKLOG = 2048
# Bytes: nothing is listened to on live connections.
_MAX_HEARD = 4096
# After so long the system hangs up on a client that takes nothing of what waits for it: closing would wait as well.
_UNTAKEN_MS = 30_000
# Longer than the pauses of a client that keeps its connections: it, not we, closes them.
_KEEP_ALIVE = 75

Announce = Callable[[str, str, int], None]
"""Told once, when requests are accepted: the URL of the service, that of its metrics, and how many bytes of documents
are kept in memory."""


async def serve(settings: Settings, config: Config, announce: Announce) -> None:
    """Serve until SIGINT or SIGTERM; then send live connections elsewhere, within 2 s, and end requests within 1 s.

    Raises ``NotReadyError`` when the database or its schema is not ready, ``SettingsError`` when the address
    cannot be listened on.
    """
    recorder = _recorder(settings.recorder, config)
    documents, waits = ReadModelMetrics(), Waits()
    listener = Listener(settings.database_url)
    with _listen(settings) as bound, remembering(listener) as memory:
        async with (
            open_pool(settings) as pool,
            listener.running(),
            _switch(settings, pool, listener, memory, documents) as switch,
            pruning(settings.database_url, settings.events_kept),
            watching(listener, waits),
        ):
            app = create_app(settings, switch.store, listener)
            recorder.show(documents)
            recorder.show(waits)
            recorder.show(app.state.live.metrics)
            recorder.show(app.state.desk.cache.counts)
            recorder.show(app.state.vitals)
            recorder.start()
            try:
                host, port = bound.getsockname()[:2]
                urls = _url(host, port), _url(config.metrics_host, recorder.metrics_port) + "/metrics"
                options = uvicorn.Config(
                    switch.watch(app, recorder.middleware(app)),
                    http="httptools",
                    # By the library `websockets`: well kept, in C where it counts, and not uvicorn's older way to it,
                    # which is deprecated. Compressing makes 890 bytes 240, but takes 26 us, for each connection anew,
                    # where framing takes 1, and 32 KB of each: events are small, and it is left out.
                    ws=_WebSocket,
                    ws_max_size=_MAX_HEARD,
                    ws_per_message_deflate=False,
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    proxy_headers=False,
                    server_header=False,
                    backlog=_BACKLOG,
                    timeout_keep_alive=_KEEP_ALIVE,
                    timeout_graceful_shutdown=1,
                )
                async with app.state.desk.running():
                    ready = _Server(options, lambda: announce(*urls, documents.bytes), lambda: _depart(app))
                    await ready.serve([bound])
            finally:
                recorder.close()


def _switch(settings: Settings, pool: Pool, listener: Listener, memory: Memory, documents: ReadModelMetrics) -> Switch:
    def opened(variant: Variant) -> AbstractAsyncContextManager[Store]:
        return open_store(settings, variant, pool, memory, documents, listener)

    return Switch(settings.database_url, listener, settings.variant, opened)


async def _depart(app: FastAPI) -> None:
    await asyncio.gather(app.state.live.close(), app.state.desk.calls.close())


def _recorder(kind: RecorderKind, config: Config) -> Recorder:
    if kind == "lean":
        return Recorder(config)
    # It needs packages that the lean one does not.
    from tailgate_otel.standard import StandardRecorder

    return StandardRecorder(config)


@asynccontextmanager
async def open_pool(settings: Settings) -> AsyncIterator[Pool]:
    """The pool, all its connections open, over a schema that the variant can work on."""
    try:
        pool = await create_pool(
            settings.database_url,
            min_size=settings.pool_size,
            max_size=settings.pool_size,
            max_inactive_connection_lifetime=0,
            timeout=_CONNECT_WITHIN,
            command_timeout=_STATEMENT_WITHIN,
            connect=_connect,
            # Statements are few and known: none is prepared twice in a connection.
            max_cached_statement_lifetime=0,
            init=_prepare,
            reset=_nothing_to_reset,
            server_settings={"application_name": "tailgate-service"},
        )
    except (OSError, PostgresError, InterfaceError) as error:
        why = str(error) or f"no answer within {_CONNECT_WITHIN:g} s"
        raise NotReadyError(f"the database cannot be reached: {why}") from error
    try:
        await check_schema(pool, settings.variant)
        await check_role(pool)
        yield pool
    finally:
        try:
            async with asyncio.timeout(_CLOSE_WITHIN):
                await pool.close()
        except TimeoutError:
            pool.terminate()


async def check_schema(pool: Pool, variant: Variant) -> None:
    """Raise ``NotReadyError`` when the schema is older than ``variant`` needs; a newer one serves as well."""
    needed = upto(variant)[-1].version
    try:
        level = await pool.fetchval(LEVEL)
    except asyncpg.UndefinedTableError:
        level = 0
    if level < needed:
        raise NotReadyError(
            f"the schema is at migration {level} and variant {variant} needs {needed}: "
            "bring it there with `tailgate db migrate`"
        )


async def check_role(pool: Pool) -> None:
    """Raise ``NotReadyError`` when the policies that keep workspaces apart do not bind the role we are."""
    name, free = await pool.fetchrow(
        "SELECT current_user,"
        " EXISTS (SELECT FROM pg_roles WHERE (rolsuper OR rolbypassrls) AND pg_has_role(oid, 'MEMBER'))"
        " OR EXISTS (SELECT FROM pg_class WHERE oid = 'contacts'::regclass AND pg_has_role(relowner, 'MEMBER'))"
    )
    if free:
        raise NotReadyError(
            f"the database's role {name} is above its row-level security: give {ROLE}, which the migrations make, a "
            f"password, and let {names.ENV_DATABASE_URL} log in as it"
        )


async def _connect(*args: Any, **options: Any) -> Any:
    """A connection; raises ``ConnectionError`` whatever the database has against it: it does not answer requests."""
    try:
        return await asyncpg.connect(*args, **options)  # type: ignore[no-untyped-call]
    except PostgresError as error:
        raise ConnectionError(str(error)) from error


async def _prepare(connection: Connection) -> None:
    """Teach a new connection JSON, and let asyncpg ask about arrays of records now, once, before requests do."""
    # In binary, which is how fields of records come: a byte with the format's version, and then the text.
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\1" + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
    )
    await connection.fetchval("SELECT ARRAY[ROW(1)]")


async def _nothing_to_reset(_: object) -> None:
    """Spare the round trip that asyncpg takes on each release.

    No statement of ours leaves anything in its session: no SET, no LISTEN, no session's lock, no open cursor.
    """


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError(f"cannot listen on {_url(settings.host, settings.port)}: {error}") from error
    # What is accepted here has it, too.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNTAKEN_MS)
    return listener


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _WebSocket(WebSocketsSansIOProtocol):
    """Uvicorn's, but that a handshake refused by a problem counts as answered: it would log an error for it."""

    async def send(self, message: Any) -> None:
        """Send what the application says."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True


class _Server(uvicorn.Server):
    """Uvicorn that says when it accepts requests, and returns from a signal instead of dying of it."""

    def __init__(
        self, config: uvicorn.Config, announce: Callable[[], None], depart: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._depart = depart

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept."""
        await super().startup(sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send live connections elsewhere, which would not end by themselves; then stop."""
        await self._depart()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on the first signal.

        Uvicorn's own would raise the signal again once it has stopped, and so end the process before the pool
        and the recorder are closed.
        """
        loop = asyncio.get_running_loop()
        for signal in (SIGINT, SIGTERM):
            loop.add_signal_handler(signal, self.handle_exit, signal, None)
        try:
            yield
        finally:
            for signal in (SIGINT, SIGTERM):
                loop.remove_signal_handler(signal)
