"""Who asks: a program with a workspace's key, or a person with a token of the issuer who is a member."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Header, Request
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from tailgate_otel import names

from tailgate_service.auth.tokens import Tokens
from tailgate_service.context import StoreOf
from tailgate_service.errors import IssuerError, TokenError
from tailgate_service.identity import Identity
from tailgate_service.problems import Problem
from tailgate_service.store.base import Access

MAX_KEY = 256
"""Characters."""
REFUSALS = (400, 401, 403, 422, 503)
"""How a route that asks who asks may answer for that alone."""

_key = APIKeyHeader(
    name=names.HEADER_API_KEY, auto_error=False, description="The key of one workspace; no token beside it."
)
_bearer = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="A token of the issuer that the service trusts; no key beside it."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Belonging:
    """One workspace that who asks may ask for, by its name, and as what."""

    who: Identity
    workspace: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What was shown, a token until ``expires_at``, and all that it lets in to: nothing, for who belongs nowhere."""

    belongings: Sequence[Belonging]
    expires_at: datetime | None = None


async def _tokens(request: Request) -> Tokens | None:
    return cast("Tokens | None", request.app.state.tokens)


async def _shown(
    request: Request,
    store: StoreOf,
    tokens: Annotated[Tokens | None, Depends(_tokens)],
    key: Annotated[str | None, Depends(_key)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Shown:
    if sum(len(request.headers.getlist(name)) for name in (names.HEADER_AUTHORIZATION, names.HEADER_API_KEY)) > 1:
        raise Problem(
            400, f"Show one thing, once: a token by {names.HEADER_AUTHORIZATION}, or a key by {names.HEADER_API_KEY}."
        )
    if key is not None and len(key) <= MAX_KEY:
        return await _by_key(store.access, key)
    if bearer is not None and tokens is not None:
        return await _by_token(store.access, tokens, bearer.credentials)
    raise _refused(tokens)


async def _by_key(access: Access, key: str) -> Shown:
    digest = hashlib.sha256(key.encode()).digest()
    workspace = await access.workspace_by_key(digest)
    # The index compared the digests first, and not in constant time: of a digest that tells nothing of use.
    # This comparison is the one that decides.
    if workspace is None or not hmac.compare_digest(workspace.api_key_sha256, digest):
        raise _refused(None)
    who = Identity(workspace_id=workspace.id, proof=digest)
    return Shown(belongings=[Belonging(who=who, workspace=workspace.name)])


async def _by_token(access: Access, tokens: Tokens, token: str) -> Shown:
    try:
        holder = await tokens.holder(token)
    except TokenError as error:
        detail = f"The token in {names.HEADER_AUTHORIZATION} lets nobody in: {error}."
        raise Problem(401, detail, headers={"www-authenticate": 'Bearer error="invalid_token"'}) from error
    except IssuerError as error:
        # What went wrong is in the log of who fetched.
        raise Problem(503, "No token can be judged now; try again.", headers={"retry-after": "5"}) from error
    digest = hashlib.sha256(holder.subject.encode()).digest()
    belongings = [
        Belonging(
            who=Identity(
                workspace_id=one.workspace_id,
                user_id=one.user_id,
                role=one.role,
                proof=digest,
                expires_at=holder.expires_at,
            ),
            workspace=one.name,
        )
        for one in await access.memberships(holder.subject)
    ]
    return Shown(belongings=belongings, expires_at=holder.expires_at)


def _refused(tokens: Tokens | None) -> Problem:
    detail, challenge = f"The header {names.HEADER_API_KEY} must hold the key of a workspace", "ApiKey"
    if tokens is not None:
        detail, challenge = f"{detail}, or {names.HEADER_AUTHORIZATION} a bearer's token", f"Bearer, {challenge}"
    return Problem(401, f"{detail}.", headers={"www-authenticate": challenge})


ShownOf = Annotated[Shown, Depends(_shown)]
"""What who asks has shown; 401 for nobody known."""


async def _identity(
    shown: ShownOf,
    workspace: Annotated[
        UUID | None,
        Header(alias=names.HEADER_WORKSPACE, description="The workspace's id, for who belongs to several."),
    ] = None,
) -> Identity:
    match [one for one in shown.belongings if workspace in (None, one.who.workspace_id)]:
        case [only]:
            return only.who
        case []:
            raise Problem(403, "You belong to no workspace." if workspace is None else "You do not belong to it.")
        case _:
            said = "names one of the workspaces that you belong to: GET /api/me lists them"
            error = {"location": "header", "field": names.HEADER_WORKSPACE, "detail": said}
            raise Problem(400, f"header {names.HEADER_WORKSPACE}: {said}", errors=[error])


IdentityOf = Annotated[Identity, Depends(_identity)]
"""Who asks, for one workspace; 401 for nobody known, 403 for who does not belong there, 400 where it must be said."""


async def _admin(who: IdentityOf) -> Identity:
    if not who.administers:
        raise Problem(403, "Only an admin of the workspace, or its key, may do this.")
    return who


AdminOf = Annotated[Identity, Depends(_admin)]
"""Who asks, and may do what only admins may; 403 for an agent."""
