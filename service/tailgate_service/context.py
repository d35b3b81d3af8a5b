"""What routes take from the application that serves them."""

from typing import Annotated, cast

from fastapi import Depends, FastAPI, Request

from tailgate_service.retries import retrying
from tailgate_service.settings import Settings
from tailgate_service.store.base import Store


def provide(app: FastAPI, settings: Settings, store: Store) -> None:
    """Let the routes of ``app`` find both."""
    app.state.settings = settings
    app.state.store = store


async def _store(request: Request) -> Store:
    return retrying(cast("Store", request.app.state.store))


async def _settings(request: Request) -> Settings:
    return cast("Settings", request.app.state.settings)


StoreOf = Annotated[Store, Depends(_store)]
SettingsOf = Annotated[Settings, Depends(_settings)]
