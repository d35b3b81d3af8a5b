"""Whether the service can serve."""

import asyncio

from fastapi import APIRouter, Response

from tailgate_service.context import StoreOf
from tailgate_service.models.health import Health
from tailgate_service.problems import responses
from tailgate_service.routes import answer

router = APIRouter(tags=["health"])

_PATIENCE = 2.0
"""Seconds the database has to answer, waiting for a connection included."""


@router.get("/health", response_model=Health, responses=responses(503))
async def health(store: StoreOf) -> Response:
    """Answer 200 once the database has answered, with the variant in effect; 503 when it does not in time."""
    async with asyncio.timeout(_PATIENCE):
        await store.access.ping()
    return answer.json({"status": "ok", "variant": store.variant})
