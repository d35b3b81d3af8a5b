"""The application: everything it needs comes in, nothing is looked up."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from fastapi import FastAPI

from tailgate_service import context, description, problems
from tailgate_service.agents.desk import Desk
from tailgate_service.auth.install import install
from tailgate_service.auth.memory import Memory, RememberedAccess
from tailgate_service.compression import Compression
from tailgate_service.cors import Origins
from tailgate_service.limits import BodyLimit
from tailgate_service.listener import Listener
from tailgate_service.live.live import Live
from tailgate_service.nostore import NoStore
from tailgate_service.pages import files
from tailgate_service.retries import retrying
from tailgate_service.routes import (
    agents,
    analytics,
    contacts,
    conversations,
    health,
    live,
    me,
    messages,
    pages,
    vitals,
    webhook,
)
from tailgate_service.settings import Settings, Variant
from tailgate_service.store.access import DatabaseAccess
from tailgate_service.store.agents import DatabaseAgents
from tailgate_service.store.base import Access, Store
from tailgate_service.store.database import Pool
from tailgate_service.store.events import DatabaseEvents
from tailgate_service.store.parallel.analytics import ParallelAnalytics
from tailgate_service.store.parallel.contacts import ParallelContacts
from tailgate_service.store.parallel.conversations import ParallelConversations
from tailgate_service.store.readmodel.contacts import ReadModelContacts
from tailgate_service.store.readmodel.conversations import ReadModelConversations
from tailgate_service.store.readmodel.metrics import ReadModelMetrics
from tailgate_service.store.readmodel.model import opened
from tailgate_service.store.sequential.analytics import SequentialAnalytics
from tailgate_service.store.sequential.contacts import SequentialContacts
from tailgate_service.store.sequential.conversations import SequentialConversations

_RESOURCES = (health, me, contacts, conversations, messages, webhook, live, agents, analytics, vitals, pages)


@asynccontextmanager
async def open_store(
    settings: Settings,
    variant: Variant,
    pool: Pool,
    memory: Memory | None = None,
    metrics: ReadModelMetrics | None = None,
    listener: Listener | None = None,
) -> AsyncIterator[Store]:
    """The data layer of ``variant`` over ``pool``, ready to be asked; raises ``NotReadyError``.

    Without ``listener`` it makes one of its own where it needs one.
    """
    store = create_store(variant, pool, memory)
    if variant != "readmodel":
        yield store
        return
    async with AsyncExitStack() as stack:
        if listener is None:
            listener = Listener(settings.database_url)
            await stack.enter_async_context(listener.running())
        model = await stack.enter_async_context(
            opened(listener, pool, settings.hot_bytes, metrics or ReadModelMetrics())
        )
        yield replace(store, contacts=ReadModelContacts(pool, model), conversations=ReadModelConversations(pool, model))


def create_store(variant: Variant, pool: Pool, memory: Memory | None = None) -> Store:
    """The data layer of ``variant`` over ``pool``; the tuned ones ask ``memory`` first who may ask.

    That of ``readmodel`` asks the tables until :func:`open_store` has opened its documents.
    """
    access: Access = DatabaseAccess(pool)
    if memory is not None and variant != "sequential":
        access = RememberedAccess(access, memory)
    store = Store(
        variant=variant,
        access=access,
        contacts=ParallelContacts(pool),
        conversations=ParallelConversations(pool),
        analytics=ParallelAnalytics(pool),
        events=DatabaseEvents(pool),
        agents=DatabaseAgents(pool),
    )
    if variant != "sequential":
        return store
    return replace(
        store,
        contacts=SequentialContacts(pool),
        conversations=SequentialConversations(pool),
        analytics=SequentialAnalytics(pool),
    )


def create_app(settings: Settings, store: Store, listener: Listener | None = None) -> FastAPI:
    """The API over ``store``. The caller opens and closes what the store stands on, and closes ``app.state.live``.

    It hears what happens while ``app.state.listener`` is running: ``listener``, or one of its own.
    """
    app = FastAPI(
        title="Tailgate reference API",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # As they are: an included router would be worked through again at the first request of every process.
        routes=[route for resource in _RESOURCES for route in resource.router.routes],
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(Compression)
    app.add_middleware(NoStore)
    if settings.allowed_origins:
        app.add_middleware(Origins, allowed=settings.allowed_origins)
    problems.install(app)
    context.provide(app, settings, store)
    app.state.pages = files.read()
    install(app, settings)
    app.state.listener = listener = listener or Listener(settings.database_url)
    app.state.live = Live(listener, store.events, store.access)
    app.state.desk = Desk(settings, listener, lambda: retrying(app.state.store).agents)
    description.install(app)
    return app
