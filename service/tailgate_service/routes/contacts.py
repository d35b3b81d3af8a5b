"""Contacts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from tailgate_service.auth import AdminOf, IdentityOf
from tailgate_service.context import StoreOf
from tailgate_service.cursor import Cursor
from tailgate_service.fields import CursorText, Phone, SearchText, digits
from tailgate_service.models.cards import ContactCard
from tailgate_service.models.contacts import Contact, ContactChange, ContactRequest, Contacts
from tailgate_service.problems import Problem, responses
from tailgate_service.routes import answer
from tailgate_service.store.base import ContactQuery

router = APIRouter(tags=["contacts"])

MAX_LIMIT = 100


@router.get("/api/contacts/by-phone", response_model=ContactCard, responses=responses(401, 404, 413, 422, 500, 503))
async def by_phone(store: StoreOf, who: IdentityOf, phone: Annotated[Phone, Query()]) -> Response:
    """Look a caller up; only the digits of the number are compared."""
    return answer.json(await store.contacts.card(who, digits(phone)))


@router.api_route("/api/contacts/by-phone", methods=["DELETE", "PATCH"], include_in_schema=False)
async def not_a_contact() -> None:
    """Refuse what the routes below would take for a contact of that id."""
    raise Problem(405, "A caller is only looked up here.")


@router.get("/api/contacts", response_model=Contacts, responses=responses(401, 413, 422, 500, 503))
async def contacts(
    store: StoreOf,
    who: IdentityOf,
    search: Annotated[
        SearchText | None, Query(description="beginnings of words of the name, or of the phone's digits; all must fit")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    before: Annotated[CursorText | None, Query(description="next_before of the page before")] = None,
) -> Response:
    """List contacts, the newest first."""
    cursor = Cursor.parse(before) if before is not None else None
    return answer.json(await store.contacts.page(who, ContactQuery(search=search, before=cursor, limit=limit)))


@router.post(
    "/api/contacts",
    status_code=201,
    response_model=Contact,
    responses={201: {"headers": answer.LOCATION}, **responses(400, 401, 409, 413, 422, 500, 503)},
)
async def create(store: StoreOf, who: IdentityOf, contact: ContactRequest) -> Response:
    """Make a contact; 409 when another one of the workspace has the phone number, compared by its digits."""
    made = await store.contacts.create(who, contact.model_dump())
    return answer.json(made, 201, headers={"location": f"/api/contacts/{made['id']}"})


@router.get("/api/contacts/{contact_id}", response_model=Contact, responses=responses(401, 404, 413, 422, 500, 503))
async def contact(store: StoreOf, who: IdentityOf, contact_id: UUID) -> Response:
    """Show a contact by itself."""
    return answer.json(await store.contacts.contact(who, contact_id))


@router.patch(
    "/api/contacts/{contact_id}",
    response_model=Contact,
    responses=responses(400, 401, 404, 409, 413, 422, 500, 503),
)
async def update(store: StoreOf, who: IdentityOf, contact_id: UUID, change: ContactChange) -> Response:
    """Change a contact; 409 when another one of the workspace has the phone number."""
    return answer.json(await store.contacts.update(who, contact_id, change.model_dump(exclude_unset=True)))


@router.delete("/api/contacts/{contact_id}", status_code=204, responses=responses(401, 403, 404, 413, 422, 500, 503))
async def delete(store: StoreOf, who: AdminOf, contact_id: UUID) -> Response:
    """Delete a contact with its notes, conversations, messages and calls, for good; for admins and keys."""
    await store.contacts.delete(who, contact_id)
    return Response(status_code=204)
