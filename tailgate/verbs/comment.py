"""``tailgate comment``: tell a pull request what a comparison came to."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from tailgate_dashboards.address import read_address
from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.report.regression.comment import MARKER, worth_telling
from tailgate_loadtest.report.regression.comment import comment as body_of
from tailgate_otel import names

from tailgate.console import print_json, say
from tailgate.errors import CommandError
from tailgate.github import DEFAULT_API, GitHub, MayNotError, origin
from tailgate.untrusted import read_untrusted

_AUTHOR = "github-actions[bot]"


def comment(
    comparison: Annotated[
        Path, typer.Argument(help="The directory that holds comparison.json; it may be somebody else's.")
    ] = Path("runs/latest"),
    author: Annotated[
        str, typer.Option(help="Who the token belongs to: only comments of this name are written again.")
    ] = _AUTHOR,
    as_json: Annotated[bool, typer.Option("--json", help="What was done, as JSON.")] = False,
) -> None:
    """Keep one comment on the pull request current, from a workflow on GitHub; nothing is written if nothing changed.

    The pull request is that of the workflow's event (pull_request or workflow_run), never one that a file names. What
    cannot be written for the lack of a token or of its rights is said, and the exit code stays 0.
    """
    document = read_untrusted(comparison)
    try:
        done = _tell(document, author, os.environ)
    except MayNotError as error:
        say(f"no comment was written: {error}; the job needs `permissions: pull-requests: write`")
        done = {}
    for number, what in done.items():
        say(f"comment on pull request {number}: {what}")
    if as_json:
        print_json({"comments": [{"pull_request": number, "done": what} for number, what in done.items()]})


def _tell(document: ComparisonDocument, author: str, environ: Mapping[str, str]) -> dict[int, str]:
    """What was done on each pull request."""
    token = environ.get(names.ENV_GITHUB_TOKEN, "").strip()
    if not token:
        say(f"no comment was written: {names.ENV_GITHUB_TOKEN} is not set")
        return {}
    asked = origin(environ)
    if asked is None:
        say("no comment was written: this workflow ran for no pull request")
        return {}
    github = _github(environ, token)
    numbers = [asked.number] if asked.number else github.pull_requests(asked.owner, asked.branch, asked.commit)
    if not numbers:
        say("no comment was written: no open pull request has this commit as its newest")
    body = body_of(document, asked.link)
    return {number: _keep(github, number, author, body, worth=worth_telling(document)) for number in numbers}


def _keep(github: GitHub, number: int, author: str, body: str, *, worth: bool) -> str:
    # Whoever may comment may write our first line, too, and could change what we had put into their comment.
    ours = (each for each in github.comments(number) if each.author == author and each.body.startswith(MARKER))
    there = next(ours, None)
    if there is None and not worth:
        return "nothing changed, so there is nothing to tell"
    if there is None:
        github.write(number, body)
        return "written"
    if there.body.replace("\r\n", "\n").strip() == body.strip():
        return "says the same already"
    github.rewrite(there, body)
    return "written again"


def _github(environ: Mapping[str, str], token: str) -> GitHub:
    api = environ.get(names.ENV_GITHUB_API_URL) or DEFAULT_API
    address, repository = read_address(api), environ.get(names.ENV_GITHUB_REPOSITORY, "")
    if address is None or address.headers:
        raise CommandError(f"{names.ENV_GITHUB_API_URL}: is no address, such as {DEFAULT_API}")
    if repository.count("/") != 1:
        raise CommandError(f"{names.ENV_GITHUB_REPOSITORY}: is no repository, such as owner/name")
    if not (token.isascii() and token.isprintable()) or " " in token:
        # It is not shown: it may be a secret all the same.
        raise CommandError(f"{names.ENV_GITHUB_TOKEN}: is no token")
    return GitHub(address.url, repository, token)
