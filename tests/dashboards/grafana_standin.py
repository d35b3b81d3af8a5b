"""A stand-in for Grafana: no real one can be had where these tests run.

It keeps what is written in memory, and answers as Grafana's documentation of its HTTP API says, refusals included:
https://grafana.com/docs/grafana/latest/developers/http_api/. What it does not know is 404. Whether a real Grafana
agrees with that documentation is not shown by it.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.server import Request, Response, Server

VIEWER, EDITOR, ADMIN = "glsa_viewer", "glsa_editor", "glsa_admin"
_TOKENS = {VIEWER: 0, EDITOR: 1, ADMIN: 2}

Answer = tuple[int, Any]


class GrafanaStandIn:
    """What it keeps, by uid or id; ``written`` lists every request that changed something."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.url = ""
        self.folders: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.annotations: dict[int, dict[str, Any]] = {}
        self.written: list[str] = []
        self.provisioned: set[str] = set()
        self.broken = False
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, token: str | None, body: Any) -> Answer:
        """Status and document of the answer to one request."""
        with self._lock:
            if self.broken:
                return 500, {"message": "database is locked"}
            if (method, path) == ("GET", "/api/health"):
                return 200, {"database": "ok", "version": self.version, "commit": "0000000"}
            if token is None:
                return 401, {"message": "Unauthorized"}
            if token not in _TOKENS:
                return 401, {"message": "Invalid API key"}
            _, _, kind, *rest = path.split("/")
            needed = 2 if kind == "datasources" else 0 if method == "GET" else 1
            if _TOKENS[token] < needed:
                return 403, {"message": "You'll need additional permissions to perform this action."}
            routes = {
                "folders": self._folder,
                "dashboards": self._board,
                "datasources": self._source,
                "annotations": self._annotation,
            }
            status, document = routes[kind](method, rest, body) if kind in routes else _not_found()
            if method != "GET" and status == 200:
                self.written.append(f"{method} {path}")
            return status, document

    def _folder(self, method: str, rest: list[str], body: Any) -> Answer:
        if method == "POST":
            if any(folder["title"] == body["title"] for folder in self.folders.values()):
                return 409, {"message": "a folder with the same name already exists in the current location"}
            self.folders[body["uid"]] = {"uid": body["uid"], "title": body["title"], "version": 1}
            return 200, self.folders[body["uid"]]
        folder = self.folders.get(rest[0])
        if folder is None:
            return _not_found("folder not found")
        if method == "PUT":
            if body.get("version") != folder["version"] and not body.get("overwrite"):
                return 412, {"message": "the folder has been changed by someone else"}
            folder |= {"title": body["title"], "version": folder["version"] + 1}
        return 200, folder

    def _board(self, method: str, rest: list[str], body: Any) -> Answer:
        if method == "GET":
            board = self.boards.get(rest[1])
            return (200, {"dashboard": board["model"], "meta": board["meta"]}) if board else _not_found()
        model, folder = body["dashboard"], body["folderUid"]
        old = self.boards.get(model["uid"])
        if folder not in self.folders:
            return 400, {"message": "folder not found"}
        if model["uid"] in self.provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        if old and model.get("version") != old["model"]["version"] and not body["overwrite"]:
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        if any(
            other["model"]["title"] == model["title"] and other["meta"]["folderUid"] == folder
            for uid, other in self.boards.items()
            if uid != model["uid"]
        ):
            return 412, {"message": "A dashboard with the same name in the folder already exists"}
        version = old["model"]["version"] + 1 if old else 1
        number = old["model"]["id"] if old else len(self.boards) + 1
        self.boards[model["uid"]] = {
            "model": {**model, "id": number, "version": version},
            "meta": {"folderUid": folder, "version": version},
            "message": body["message"],
        }
        return 200, {"status": "success", "uid": model["uid"], "version": version}

    def _source(self, method: str, rest: list[str], body: Any) -> Answer:
        if method == "POST":
            self.sources[body["uid"]] = {"id": len(self.sources) + 1, "orgId": 1, "readOnly": False}
            self._keep(body["uid"], body)
            return 200, {"message": "Datasource added", "datasource": self.sources[body["uid"]]}
        source = self.sources.get(rest[1])
        if source is None:
            return _not_found("Data source not found")
        if method == "PUT":
            self._keep(rest[1], body)
        return 200, source

    def _keep(self, uid: str, body: Any) -> None:
        """A data source as it is given out: of its secrets only which there are."""
        secrets = self.secrets.setdefault(uid, {})
        secrets |= body.pop("secureJsonData", {})
        self.sources[uid] |= body | {"secureJsonFields": dict.fromkeys(secrets, True)}

    def _annotation(self, method: str, rest: list[str], body: Any) -> Answer:
        if method == "POST":
            number = len(self.annotations) + 1
            self.annotations[number] = body
            return 200, {"message": "Annotation added", "id": number}
        number = int(rest[0])
        if number not in self.annotations:
            return _not_found("Annotation not found")
        if method == "DELETE":
            del self.annotations[number]
        else:
            self.annotations[number] |= body
        return 200, {"message": "Annotation changed"}


@contextmanager
def grafana_standin(version: str = "11.3.0") -> Iterator[GrafanaStandIn]:
    """One that answers on loopback while this is entered."""
    standin = GrafanaStandIn(version)

    def answer(request: Request) -> Response:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        status, document = standin.answer(
            request.method,
            request.path,
            token if kind == "Bearer" else None,
            json.loads(request.body) if request.body else None,
        )
        return Response(json.dumps(document).encode(), status, {"Content-Type": "application/json"})

    with Server(answer) as server:
        standin.url = server.url
        yield standin


def _not_found(message: str = "Not found") -> Answer:
    return 404, {"message": message}
