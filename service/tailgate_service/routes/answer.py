"""How documents are sent."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Response

from tailgate_service.live.lines import MEDIA_TYPE
from tailgate_service.models.base import Answer

LOCATION = {"Location": {"description": "the path of what was made", "required": True, "schema": {"type": "string"}}}
ETAG = {
    "ETag": {
        "description": "the version, for If-Match",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[1-9][0-9]*"$'},
    }
}
"""Headers of answers, as OpenAPI describes them."""


def json(document: object, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """``document`` as JSON, which bytes are already; what the store answers is not validated again on its way out."""
    # Identifiers come as a subclass of UUID, which orjson leaves to the default.
    body = document if isinstance(document, bytes) else orjson.dumps(document, _plain, orjson.OPT_UTC_Z)
    return Response(body, status, headers, media_type="application/json")


def stream(event: type[Answer]) -> dict[str, Any]:
    """A stream of server-sent events as OpenAPI describes it, which has no word for that: by the schema of each."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{event.__name__}"}}}
    return {"description": "Server-sent events; the schema is that of each", "content": content}


def _plain(value: Any) -> Any:
    return str(value)
