"""Outgoing messages."""

from fastapi import APIRouter, Response

from tailgate_service.auth import WorkspaceOf
from tailgate_service.context import StoreOf
from tailgate_service.models import Message, SendRequest
from tailgate_service.problems import responses
from tailgate_service.routes import answer

router = APIRouter(tags=["messages"])


@router.post(
    "/api/messages/send",
    status_code=201,
    response_model=Message,
    responses=responses(400, 401, 404, 413, 422, 500, 503),
)
async def send(store: StoreOf, workspace_id: WorkspaceOf, message: SendRequest) -> Response:
    """Queue a message in a conversation; the inbox shows it at once."""
    stored = await store.send(workspace_id, message.conversation_id, body=message.body, sender_id=message.sender_id)
    return answer.json(stored, 201)
