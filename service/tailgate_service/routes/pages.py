"""The pages, and what they load. They are for people, so they are no part of the description."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from tailgate_service.pages.files import Built, File
from tailgate_service.problems import Problem

router = APIRouter(tags=["pages"], include_in_schema=False)

_FIRST = "/inbox"
# Everything comes from here, and nothing is written into a page itself; CSP Level 3.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_SNIFFED = {"x-content-type-options": "nosniff"}
_PAGE = _SNIFFED | {
    # Kept, and asked for again each time: a page names what it loads by its hashes.
    "cache-control": "no-cache",
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
}
_SPEAKING = _PAGE | {"permissions-policy": "camera=(), geolocation=(), microphone=(self)"}
_ASSET = _SNIFFED | {"cache-control": "public, max-age=31536000, immutable"}


async def _built(request: Request) -> Built:
    built: Built = request.app.state.pages
    return built


BuiltOf = Annotated[Built, Depends(_built)]


@router.get("/")
async def first() -> Response:
    """Lead to the inbox, wherever the request says that this is."""
    return RedirectResponse(_FIRST)


@router.get("/inbox")
async def inbox(request: Request, built: BuiltOf) -> Response:
    """Show conversations, and talk."""
    return _page(request, built, "inbox", _PAGE)


@router.get("/dashboard")
async def dashboard(request: Request, built: BuiltOf) -> Response:
    """Show the day in numbers."""
    return _page(request, built, "dashboard", _PAGE)


@router.get("/agent")
async def agent(request: Request, built: BuiltOf) -> Response:
    """Try the voice agent, by a microphone."""
    return _page(request, built, "agent", _SPEAKING)


@router.get("/assets/{name}")
async def asset(request: Request, built: BuiltOf, name: str) -> Response:
    """Send what a page loads; its name changes with what is in it."""
    found = built.assets.get(name)
    if found is None:
        raise Problem(404, "No page loads that: what was opened before a new version came has to be opened again.")
    return _sent(request, found, _ASSET)


def _page(request: Request, built: Built, name: str, headers: Mapping[str, str]) -> Response:
    found = built.pages.get(name)
    if found is None:
        detail = "The pages are not built: run `make setup` where npm is found, and start the service again."
        raise Problem(503, detail)
    return _sent(request, found, headers)


def _sent(request: Request, file: File, headers: Mapping[str, str]) -> Response:
    """``file`` as the client takes it, or 304 when it has just that."""
    sent = file.sent(",".join(request.headers.getlist("accept-encoding")))
    told = {**headers, "etag": sent.etag, "vary": "accept-encoding"}
    if _has(request.headers.get("if-none-match", ""), sent.etag):
        return Response(status_code=304, headers=told)
    if sent.coding is None:
        # The middleware that compresses what is not says so itself.
        del told["vary"]
    else:
        told["content-encoding"] = sent.coding
    return Response(sent.body, headers=told, media_type=file.media_type)


def _has(held: str, etag: str) -> bool:
    """Whether ``held``, the value of If-None-Match, names ``etag``, weakly compared (RFC 9110, 13.1.2)."""
    return held.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in held.split(","))
