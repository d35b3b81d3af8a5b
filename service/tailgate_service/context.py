"""What routes take from the application that serves them."""

from typing import Annotated, cast

from fastapi import Depends, FastAPI, Request
from tailgate_otel import Vitals

from tailgate_service.retries import retrying
from tailgate_service.settings import Settings
from tailgate_service.store.base import Store
from tailgate_service.telemetry import beacons


def provide(app: FastAPI, settings: Settings, store: Store) -> None:
    """Let the routes of ``app`` find both, and where visits are counted."""
    app.state.settings = settings
    app.state.store = store
    app.state.vitals = Vitals(beacons(settings))


async def _store(request: Request) -> Store:
    return retrying(cast("Store", request.app.state.store))


async def _settings(request: Request) -> Settings:
    return cast("Settings", request.app.state.settings)


async def _vitals(request: Request) -> Vitals:
    return cast("Vitals", request.app.state.vitals)


StoreOf = Annotated[Store, Depends(_store)]
SettingsOf = Annotated[Settings, Depends(_settings)]
VitalsOf = Annotated[Vitals, Depends(_vitals)]
