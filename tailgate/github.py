"""What the command does on GitHub: find the pull request that a workflow ran for, and keep a comment there."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tailgate_dashboards.address import unmoved
from tailgate_otel import names

from tailgate.errors import CommandError

DEFAULT_API = "https://api.github.com"
_TIMEOUT = 30.0
_PAGE = 100
_MOST_PAGES = 50
_MOST_BYTES = 64 << 20


class MayNotError(CommandError):
    """The token does not allow it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comment:
    """A comment on a pull request."""

    id: int
    author: str
    body: str


class GitHub:
    """One repository, by GitHub's REST API."""

    def __init__(self, api: str, repository: str, token: str) -> None:
        self._base = f"{api.rstrip('/')}/repos/{urllib.parse.quote(repository)}"
        self._token = token
        self._opener = unmoved()

    def pull_requests(self, owner: str, branch: str, commit: str) -> list[int]:
        """The open ones of that branch of that owner's repository whose newest commit is that one."""
        head = urllib.parse.quote(f"{owner}:{branch}", safe="")
        found = self._pages(f"/pulls?state=open&head={head}")
        return [int(each["number"]) for each in found if each["head"]["sha"] == commit]

    def comments(self, number: int) -> Iterator[Comment]:
        """All of a pull request's, the oldest first."""
        for each in self._pages(f"/issues/{number:d}/comments?"):
            # Whoever has left GitHub is nobody.
            author = (each.get("user") or {}).get("login", "")
            yield Comment(id=int(each["id"]), author=author, body=each.get("body") or "")

    def write(self, number: int, body: str) -> None:
        """A new comment."""
        self._ask("POST", f"/issues/{number:d}/comments", {"body": body})

    def rewrite(self, comment: Comment, body: str) -> None:
        """Another text for a comment that is there."""
        self._ask("PATCH", f"/issues/comments/{comment.id:d}", {"body": body})

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        for page in range(1, _MOST_PAGES + 1):
            found = self._ask("GET", f"{path}&per_page={_PAGE}&page={page}")
            if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
                raise CommandError(f"{self._base}: did not answer with a list of what was asked for")
            yield from found
            if len(found) < _PAGE:
                return

    def _ask(self, method: str, path: str, document: Mapping[str, str] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address was checked to be one of the web
            self._base + path,
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "User-Agent": "tailgate",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                return json.loads(answer.read(_MOST_BYTES))
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (401, 403):
                raise MayNotError(f"{self._base}: the token does not allow it ({method}, {error.code})") from error
            raise CommandError(f"{self._base}: answered {error.code} to {method}") from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise CommandError(f"{self._base}: does not answer: {reason}") from error
        except ValueError as error:
            raise CommandError(f"{self._base}: answered with something that is not JSON") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Whence a workflow's event came, as GitHub tells it: nothing of it is the word of whoever wrote the change.

    Either the number of a pull request, or where its newest commit is; and where the workflow's run can be seen.
    """

    commit: str
    number: int | None = None
    owner: str = ""
    branch: str = ""
    link: str | None = None


def origin(environ: Mapping[str, str]) -> Origin | None:
    """What the workflow ran for; None if that was no pull request.

    Raises:
        CommandError: this is no workflow on GitHub, or its event cannot be read.
    """
    event, kind = _event(environ), environ.get(names.ENV_GITHUB_EVENT_NAME, "")
    try:
        if kind in ("pull_request", "pull_request_target"):
            return Origin(number=int(event["number"]), commit=event["pull_request"]["head"]["sha"])
        run = event["workflow_run"] if kind == "workflow_run" else None
        # A fork that was deleted meanwhile has no repository any more.
        if run is None or run["event"] != "pull_request" or not run["head_repository"]:
            return None
        owner = run["head_repository"]["owner"]["login"]
        return Origin(commit=run["head_sha"], owner=owner, branch=run["head_branch"], link=run["html_url"])
    except (KeyError, TypeError, ValueError) as error:
        raise CommandError(f"{names.ENV_GITHUB_EVENT_PATH}: no event of {kind} as GitHub writes it") from error


def _event(environ: Mapping[str, str]) -> Any:
    path = environ.get(names.ENV_GITHUB_EVENT_PATH)
    if not path:
        raise CommandError(
            f"{names.ENV_GITHUB_EVENT_PATH} is not set: a comment can be written by a workflow on GitHub"
        )
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{path}: is not JSON") from error
