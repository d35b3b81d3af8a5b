"""Who asks, and the ticket by which a live connection comes in."""

from fastapi import APIRouter, Response

from tailgate_service.auth import IdentityOf, ShownOf, tickets
from tailgate_service.context import StoreOf
from tailgate_service.models.access import LiveTicket, Me
from tailgate_service.problems import responses
from tailgate_service.routes import answer

router = APIRouter(tags=["access"])


@router.get("/api/me", response_model=Me, responses=responses(401, 413, 500, 503))
async def me(shown: ShownOf) -> Response:
    """Say what is known of who asks, whichever workspace she will choose."""
    found = [
        {
            "workspace_id": one.who.workspace_id,
            "workspace": one.workspace,
            "user_id": one.who.user_id,
            "role": one.who.role,
        }
        for one in shown.belongings
    ]
    return answer.json({"belongings": found, "expires_at": shown.expires_at})


@router.post("/api/live/ticket", status_code=201, response_model=LiveTicket, responses=responses(401, 413, 500, 503))
async def ticket(store: StoreOf, who: IdentityOf) -> Response:
    """Give a ticket for one live connection, good for half a minute."""
    issued = await tickets.issue(store.access, who)
    return answer.json({"ticket": issued.text, "expires_at": issued.expires_at}, 201)
