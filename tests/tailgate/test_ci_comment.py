"""``tailgate comment`` against a GitHub of our own on loopback."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tailgate_loadtest.report.regression.comment import MARKER, comment
from tailgate_otel import names

from tests.loadtest.comparisons import comparison, failing, hostile
from tests.server import Request, Response, Server
from tests.tailgate.conftest import Command

TOKEN = "ghs_0123456789abcdef"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BOT = "github-actions[bot]"
LINK = "https://github.com/acme/shop/actions/runs/77"


class Fake(Server):
    """What a repository has, until ``answer`` is exchanged for one that is the same to everything."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.comments: list[dict[str, Any]] = []
        self.pulls = [pull(7)]

    def add(self, body: str, author: str | None = BOT) -> None:
        user = {"login": author} if author else None
        self.comments.append({"id": 100 + len(self.comments), "user": user, "body": body})

    @property
    def tokens(self) -> set[str]:
        return {request.headers.get("authorization", "") for request in self.asked}

    @property
    def writes(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.asked if request.method != "GET"]

    def _answer(self, request: Request) -> Response:
        query = parse_qs(urlsplit(request.target).query)
        if request.path == "/repos/acme/shop/pulls":
            right = query["head"] == ["mallory:evil/branch&x"] and query["state"] == ["open"]
            return Response(json.dumps(self.pulls if right else []).encode())
        if request.method == "GET":
            page, size = int(query["page"][0]), int(query["per_page"][0])
            return Response(json.dumps(self.comments[(page - 1) * size : page * size]).encode())
        body = json.loads(request.body)["body"]
        if request.method == "POST":
            self.add(body)
            return Response(b"{}", 201)
        (found,) = [each for each in self.comments if str(each["id"]) == request.path.rpartition("/")[2]]
        found["body"] = body
        return Response(b"{}")


def pull(number: int, commit: str = COMMIT) -> dict[str, Any]:
    return {"number": number, "head": {"sha": commit}}


@pytest.fixture
def fake() -> Iterator[Fake]:
    with Fake() as made:
        yield made


def put(directory: Path, document: Any) -> None:
    text = document if isinstance(document, str) else document.model_dump_json(by_alias=True)
    (directory / "comparison.json").write_text(text)


def workflow(command: Command, fake: Fake, **changes: Any) -> None:
    """As a workflow that runs after another one has its environment; the change is a fork's."""
    run = {
        "event": "pull_request",
        "head_sha": COMMIT,
        "head_branch": "evil/branch&x",
        "head_repository": {"owner": {"login": "mallory"}},
        "html_url": LINK,
    } | changes
    event(command, fake, "workflow_run", {"workflow_run": run})


def event(command: Command, fake: Fake, kind: str, document: Any) -> None:
    (command.cwd / "event.json").write_text(json.dumps(document))
    command.environment |= {
        names.ENV_GITHUB_API_URL: fake.url,
        names.ENV_GITHUB_EVENT_NAME: kind,
        names.ENV_GITHUB_EVENT_PATH: str(command.cwd / "event.json"),
        names.ENV_GITHUB_REPOSITORY: "acme/shop",
        names.ENV_GITHUB_TOKEN: TOKEN,
    }


def done(command: Command) -> str:
    result = command.here("comment", ".")
    assert result.returncode == 0, result.stderr
    assert TOKEN not in result.stdout + result.stderr
    return result.stderr


def test_a_comment_is_written_to_the_pull_request_of_the_event(tailgate: Command, fake: Fake) -> None:
    put(tailgate.cwd, failing())
    workflow(tailgate, fake)
    assert "pull request 7: written" in done(tailgate)
    (written,) = fake.comments
    assert written["body"] == comment(failing(), LINK)
    assert fake.writes == ["POST /repos/acme/shop/issues/7/comments"]
    assert fake.tokens == {f"Bearer {TOKEN}"}


def test_there_is_one_comment_which_is_written_again_when_something_changed(tailgate: Command, fake: Fake) -> None:
    workflow(tailgate, fake)
    put(tailgate.cwd, failing())
    done(tailgate)
    assert "says the same already" in done(tailgate)
    assert len(fake.writes) == 1
    put(tailgate.cwd, comparison())
    assert "written again" in done(tailgate)
    (written,) = fake.comments
    assert "✓ Pass" in written["body"]
    assert fake.writes[1:] == ["PATCH /repos/acme/shop/issues/comments/100"]


def test_where_nothing_changed_nothing_is_written(tailgate: Command, fake: Fake) -> None:
    put(tailgate.cwd, comparison())
    workflow(tailgate, fake)
    assert "nothing changed" in done(tailgate)
    assert fake.writes == []


def test_a_comment_of_somebody_else_with_our_first_line_is_left_alone(tailgate: Command, fake: Fake) -> None:
    put(tailgate.cwd, failing())
    workflow(tailgate, fake)
    fake.add(f"{MARKER}\nmine", author="mallory")
    fake.add(f"{MARKER}\nof one who has left", author=None)
    done(tailgate)
    assert [each["body"].splitlines()[1] for each in fake.comments[:2]] == ["mine", "of one who has left"]
    assert fake.writes == ["POST /repos/acme/shop/issues/7/comments"]


def test_our_comment_is_found_behind_hundreds_of_others(tailgate: Command, fake: Fake) -> None:
    put(tailgate.cwd, failing())
    workflow(tailgate, fake)
    for number in range(230):
        fake.add(f"comment {number}, that quotes {MARKER}")
    fake.add(comment(comparison()).replace("\n", "\r\n"))
    assert "written again" in done(tailgate)


def test_a_pull_request_with_a_newer_commit_is_left_alone(tailgate: Command, fake: Fake) -> None:
    put(tailgate.cwd, failing())
    workflow(tailgate, fake)
    fake.pulls = [pull(7, commit="f" * 40)]
    assert "no open pull request has this commit" in done(tailgate)
    assert fake.writes == []


def test_a_workflow_of_a_pull_request_itself_comments_on_it(tailgate: Command, fake: Fake) -> None:
    put(tailgate.cwd, failing())
    event(tailgate, fake, "pull_request", {"number": 9, "pull_request": {"head": {"sha": COMMIT}}})
    assert "pull request 9: written" in done(tailgate)


@pytest.mark.parametrize("changes", [{"event": "push"}, {"head_repository": None}])
def test_where_there_is_no_pull_request_nothing_is_asked(tailgate: Command, fake: Fake, changes) -> None:
    put(tailgate.cwd, failing())
    workflow(tailgate, fake, **changes)
    assert "ran for no pull request" in done(tailgate)
    assert fake.asked == []


def test_without_a_token_the_exit_code_stays_0(tailgate: Command, fake: Fake) -> None:
    put(tailgate.cwd, failing())
    workflow(tailgate, fake)
    tailgate.environment[names.ENV_GITHUB_TOKEN] = ""
    assert "GITHUB_TOKEN is not set" in done(tailgate)
    assert fake.asked == []


@pytest.mark.parametrize("code", [401, 403])
def test_a_token_that_may_not_write_is_said_and_the_exit_code_stays_0(tailgate: Command, fake: Fake, code: int) -> None:
    put(tailgate.cwd, failing())
    workflow(tailgate, fake)
    fake.answer = Response(b'{"message": "Resource not accessible by integration"}', code)
    assert "pull-requests: write" in done(tailgate)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response(status=500), "answered 500"),
        (Response(b"<html>"), "is not JSON"),
        (Response(b"{}"), "did not answer with a list"),
        (Response(b"[1]"), "did not answer with a list"),
        (Response(status=302, headers={"Location": "http://127.0.0.1:1/elsewhere"}), "answered 302"),
    ],
)
def test_a_github_that_answers_otherwise_is_named_and_follows_nobody(
    tailgate: Command, fake: Fake, answer, said: str
) -> None:
    put(tailgate.cwd, failing())
    workflow(tailgate, fake)
    fake.answer = answer
    result = tailgate.here("comment", ".")
    assert result.returncode == 2
    assert said in " ".join(result.stderr.split())
    assert TOKEN not in result.stderr


def test_what_was_done_can_be_had_as_json(tailgate: Command, fake: Fake) -> None:
    put(tailgate.cwd, failing())
    workflow(tailgate, fake)
    result = tailgate.here("comment", ".", "--json")
    assert json.loads(result.stdout) == {"comments": [{"pull_request": 7, "done": "written"}]}


def test_nothing_of_a_hostile_comparison_is_said(tailgate: Command, fake: Fake) -> None:
    put(tailgate.cwd, hostile())
    workflow(tailgate, fake)
    assert "script" not in done(tailgate)
    assert "<script" not in fake.comments[0]["body"]


def wrong(change) -> str:
    document = json.loads(failing().model_dump_json(by_alias=True))
    change(document)
    return json.dumps(document)


FORMS = {
    "nothing": ("", "is not the JSON that tailgate writes"),
    "depths": ("[" * 100_000, "is not the JSON that tailgate writes"),
    "newer": ('{"schema": "tailgate/comparison/v2"}', "is no tailgate/comparison/v1"),
    "list": ("[]", "is no tailgate/comparison/v1"),
    "nan": (wrong(lambda d: d.update(seconds=float("nan"))), "is not the JSON that tailgate writes"),
    "count": (wrong(lambda d: d["cells"][0].update(samples_base=10**300)), "is not the JSON that tailgate writes"),
    "time": (wrong(lambda d: d["cells"][0].update(base=1e300)), "is not the JSON that tailgate writes"),
    "word": (wrong(lambda d: d["cells"][0].update(measure="p42")), "cells.0.measure is not what"),
    "key": (wrong(lambda d: d.update({"::error::pwned": 1})), "something in it is not what"),
    "gap": (wrong(lambda d: d.pop("verdict")), "verdict is not what"),
}


@pytest.mark.parametrize(("text", "said"), FORMS.values(), ids=FORMS)
def test_what_is_no_comparison_is_refused_and_nothing_of_it_is_repeated(
    tailgate: Command, fake: Fake, text: str, said: str
) -> None:
    put(tailgate.cwd, text)
    workflow(tailgate, fake)
    result = tailgate.here("comment", ".")
    assert result.returncode == 2
    assert said in " ".join(result.stderr.split())
    assert "pwned" not in result.stderr
    assert fake.asked == []


def test_a_file_without_end_is_not_read_to_it(tailgate: Command, fake: Fake) -> None:
    workflow(tailgate, fake)
    with (tailgate.cwd / "comparison.json").open("wb") as file:
        file.truncate(50 << 30)
    assert "is larger than 8 MiB" in tailgate.here("comment", ".").stderr


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "nothing"])
def test_only_a_file_is_read(tailgate: Command, fake: Fake, tmp_path_factory, kind: str) -> None:
    workflow(tailgate, fake)
    path = tailgate.cwd / "comparison.json"
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    put(elsewhere, failing())
    if kind == "link":
        path.symlink_to(elsewhere / "comparison.json")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    result = tailgate.here("comment", ".")
    assert result.returncode == 2
    assert "comparison.json" in result.stderr
    assert fake.asked == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({names.ENV_GITHUB_EVENT_PATH: ""}, "GITHUB_EVENT_PATH is not set"),
        ({names.ENV_GITHUB_EVENT_PATH: "/gone"}, "/gone: cannot be read"),
        ({names.ENV_GITHUB_REPOSITORY: "shop"}, "GITHUB_REPOSITORY: is no repository"),
        ({names.ENV_GITHUB_API_URL: "file:///etc/passwd"}, "GITHUB_API_URL: is no address"),
        ({names.ENV_GITHUB_API_URL: "https://user:pass@example.test"}, "GITHUB_API_URL: is no address"),
        ({names.ENV_GITHUB_TOKEN: "two words"}, "GITHUB_TOKEN: is no token"),
        ({names.ENV_GITHUB_EVENT_NAME: "pull_request"}, "no event of pull_request"),
    ],
)
def test_an_environment_that_is_not_githubs_is_named(tailgate: Command, fake: Fake, changes, said: str) -> None:
    put(tailgate.cwd, failing())
    workflow(tailgate, fake)
    tailgate.environment |= changes
    result = tailgate.here("comment", ".")
    assert result.returncode == 2
    assert said in " ".join(result.stderr.split())
    assert "two words" not in result.stderr
