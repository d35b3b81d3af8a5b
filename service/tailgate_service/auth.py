"""Who asks: an API key belongs to one workspace and opens nothing else."""

import hashlib
import hmac
from typing import Annotated

from fastapi import Depends
from fastapi.security import APIKeyHeader
from tailgate_otel import names

from tailgate_service.context import StoreOf
from tailgate_service.identity import Identity
from tailgate_service.problems import Problem

MAX_KEY = 256
"""Characters."""

_header = APIKeyHeader(name=names.HEADER_API_KEY, auto_error=False, description="The key of one workspace.")


async def _identity(store: StoreOf, key: Annotated[str | None, Depends(_header)]) -> Identity:
    if not key or len(key) > MAX_KEY:
        raise _refused()
    digest = hashlib.sha256(key.encode()).digest()
    workspace = await store.access.workspace_by_key(digest)
    # The index compared the digests first, and not in constant time: of a digest that tells nothing of use.
    # This comparison is the one that decides.
    if workspace is None or not hmac.compare_digest(workspace.api_key_sha256, digest):
        raise _refused()
    return Identity(workspace_id=workspace.id)


def _refused() -> Problem:
    return Problem(
        401,
        f"The header {names.HEADER_API_KEY} must hold the key of a workspace.",
        headers={"www-authenticate": "ApiKey"},
    )


IdentityOf = Annotated[Identity, Depends(_identity)]
"""Who asks; 401 for nobody known."""
