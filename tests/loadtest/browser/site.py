"""A little site on loopback whose pages are what a test says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.server import Request, Response, Server


@dataclass(frozen=True, kw_only=True)
class Page:
    """What is answered."""

    body: str = ""
    kind: str = "text/html"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    held: bool = False
    """Whether it is answered when the site is closed, and not before."""


class Site(Server):
    """Pages by their paths, and 404 for any other."""

    def __init__(self) -> None:
        super().__init__(self._show)
        self.pages: dict[str, Page] = {"/favicon.ico": Page(status=204)}

    def of(self, path: str) -> list[Request]:
        """What was asked for a path."""
        return [request for request in self.asked if request.path == path]

    def _show(self, request: Request) -> Response:
        page = self.pages.get(request.path, Page(status=404, body="<p>There is none."))
        if page.held:
            self.over.wait()
        headers = {"Content-Type": page.kind, "Cache-Control": "no-store", **page.headers}
        return Response(page.body.encode(), page.status, headers)
