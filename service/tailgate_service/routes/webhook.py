"""The WhatsApp provider's webhook."""

import hmac
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse
from tailgate_otel import names

from tailgate_service import webhook
from tailgate_service.context import SettingsOf, StoreOf
from tailgate_service.fields import ShortText
from tailgate_service.models.webhook import IntakeAnswer
from tailgate_service.problems import Problem, responses
from tailgate_service.routes import answer

router = APIRouter(tags=["webhook"])


@router.get("/api/webhook/kapso", response_class=PlainTextResponse, responses=responses(403, 413, 422, 500))
async def verify(
    settings: SettingsOf,
    mode: Annotated[Literal["subscribe"], Query(alias="hub.mode")],
    verify_token: Annotated[ShortText, Query(alias="hub.verify_token")],
    challenge: Annotated[ShortText, Query(alias="hub.challenge")],
) -> Response:
    """Prove that the webhook is ours: give the challenge back to who knows the token."""
    if not hmac.compare_digest(verify_token.encode(), settings.webhook_verify_token.encode()):
        raise Problem(403, "hub.verify_token is not the one that was agreed.")
    return PlainTextResponse(challenge)


@router.post(
    "/api/webhook/kapso",
    response_model=IntakeAnswer,
    responses=responses(401, 404, 413, 422, 500, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{webhook.Payload.__name__}"}}},
        }
    },
)
async def intake(
    request: Request,
    store: StoreOf,
    settings: SettingsOf,
    signature: Annotated[str, Header(alias=names.HEADER_WEBHOOK_SIGNATURE)] = "",
) -> Response:
    """Take a message in, once. Nothing of the body is believed, or parsed, before its signature holds."""
    body = await request.body()
    if not webhook.signed(settings.webhook_secret, body, signature):
        detail = f"The header {names.HEADER_WEBHOOK_SIGNATURE} does not sign this body."
        raise Problem(401, detail, headers={"www-authenticate": "Signature"})
    return answer.json({"status": await store.conversations.take_in(webhook.read(body))})
