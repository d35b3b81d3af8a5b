"""The application: everything it needs comes in, nothing is looked up."""

from fastapi import FastAPI

from tailgate_service import context, problems
from tailgate_service.limits import BodyLimit
from tailgate_service.routes import contacts, conversations, health, messages, webhook
from tailgate_service.settings import Settings, Variant
from tailgate_service.store.base import Store
from tailgate_service.store.database import Pool
from tailgate_service.store.parallel import ParallelStore
from tailgate_service.store.sequential import SequentialStore


def create_store(variant: Variant, pool: Pool) -> Store:
    """The data layer of ``variant`` over ``pool``."""
    if variant == "sequential":
        return SequentialStore(pool)
    return ParallelStore(pool)


def create_app(settings: Settings, store: Store) -> FastAPI:
    """The API over ``store``. The caller opens and closes what the store stands on."""
    app = FastAPI(title="Tailgate reference API", docs_url=None, redoc_url=None)
    app.add_middleware(BodyLimit)
    problems.install(app)
    context.provide(app, settings, store)
    for resource in (health, contacts, conversations, messages, webhook):
        app.include_router(resource.router)
    return app
