"""What an application needs for its routes to know who asks."""

from typing import Any

from fastapi import FastAPI

from tailgate_service.auth import asking
from tailgate_service.auth.fetch import fetch
from tailgate_service.auth.keys import Keys
from tailgate_service.auth.tokens import Tokens
from tailgate_service.issuer import Issuer
from tailgate_service.problems import responses
from tailgate_service.settings import Settings


def install(app: FastAPI, settings: Settings) -> None:
    """Let the routes of ``app`` ask who asks, and its OpenAPI description say how that is refused."""
    app.state.tokens = None if settings.issuer is None else _tokens(settings.issuer)
    describe = app.openapi

    def described() -> dict[str, Any]:
        description = describe()
        refusals = {str(status): said for status, said in responses(*asking.REFUSALS).items()}
        for path in description["paths"].values():
            for operation in path.values():
                if "security" in operation:
                    operation["responses"] |= refusals
        return description

    app.openapi = described  # type: ignore[method-assign]


def _tokens(issuer: Issuer) -> Tokens:
    return Tokens(issuer, Keys(lambda: fetch(issuer.jwks_url)))
