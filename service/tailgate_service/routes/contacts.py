"""Contacts."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from tailgate_service.auth import IdentityOf
from tailgate_service.context import StoreOf
from tailgate_service.fields import Phone, digits
from tailgate_service.models import ContactCard
from tailgate_service.problems import responses
from tailgate_service.routes import answer

router = APIRouter(tags=["contacts"])


@router.get("/api/contacts/by-phone", response_model=ContactCard, responses=responses(401, 404, 413, 422, 500, 503))
async def by_phone(store: StoreOf, who: IdentityOf, phone: Annotated[Phone, Query()]) -> Response:
    """Look a caller up; only the digits of the number are compared."""
    return answer.json(await store.contacts.card(who, digits(phone)))
