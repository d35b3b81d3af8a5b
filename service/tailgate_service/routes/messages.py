"""Outgoing messages."""

from fastapi import APIRouter, Response

from tailgate_service.auth import IdentityOf
from tailgate_service.context import StoreOf
from tailgate_service.models.messages import Message, SendRequest
from tailgate_service.problems import responses
from tailgate_service.routes import answer
from tailgate_service.store.base import Outgoing

router = APIRouter(tags=["messages"])


@router.post(
    "/api/messages/send",
    status_code=201,
    response_model=Message,
    responses=responses(400, 401, 404, 413, 422, 500, 503),
)
async def send(store: StoreOf, who: IdentityOf, message: SendRequest) -> Response:
    """Queue a message in a conversation; the inbox shows it at once."""
    outgoing = Outgoing(
        conversation_id=message.conversation_id,
        body=message.body,
        sender_id=message.sender_id,
        metadata=message.metadata,
    )
    return answer.json(await store.conversations.send(who, outgoing), 201)
