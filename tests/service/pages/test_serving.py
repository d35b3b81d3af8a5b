"""How the pages are sent: what may be kept, what may run, and what is said where they were not built."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from tailgate_service.app import create_app
from tailgate_service.pages import files
from tailgate_service.problems import ProblemDetails

from tests.service.api.conftest import client_of, settings_for
from tests.service.api.test_problems import Doorman, store_of
from tests.service.pages.made import ASSETS, PAGES, build

PATHS = tuple(f"/{page}" for page in files.PAGES)
ASSET = f"/assets/{next(iter(ASSETS))}"
SHOWN = {f"/{name.removesuffix('.html')}": text for name, text in PAGES.items()} | {ASSET: next(iter(ASSETS.values()))}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@pytest.fixture
def app() -> FastAPI:
    return create_app(settings_for("parallel", "postgresql://"), store_of(Doorman()))


@pytest.fixture
async def client(app, tmp_path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service whose pages are built."""
    app.state.pages = files.read(build(tmp_path / "built"))
    async with client_of(app) as client:
        yield client


@pytest.mark.parametrize("accepted", ["br", "gzip", "identity"])
@pytest.mark.parametrize("path", SHOWN)
async def test_whatever_coding_is_asked_for_the_same_is_shown(client, path, accepted):
    got = await client.get(path, headers={"accept-encoding": accepted})
    assert got.status_code == 200
    assert got.text == SHOWN[path]
    assert got.headers.get("content-encoding", "identity") == accepted
    assert got.headers.get_list("vary") == ["accept-encoding"]


@pytest.mark.parametrize(("path", "kept"), [("/inbox", "no-cache"), (ASSET, "public, max-age=31536000, immutable")])
async def test_a_page_is_asked_for_each_time_and_what_it_loads_never_again(client, path, kept):
    assert (await client.get(path)).headers["cache-control"] == kept


@pytest.mark.parametrize(
    "holds",
    [lambda tag: tag, lambda tag: f"W/{tag}", lambda tag: f'"other", {tag}', lambda _: "*"],
    ids=["it", "it, weakened on its way", "it among others", "anything"],
)
@pytest.mark.parametrize("path", SHOWN)
async def test_who_has_just_that_is_told_so_and_sent_nothing(client, path, holds):
    first = await client.get(path)
    again = await client.get(path, headers={"if-none-match": holds(first.headers["etag"])})
    assert (again.status_code, again.content) == (304, b"")
    shown = ("etag", "vary", "cache-control", "content-security-policy", "permissions-policy")
    assert {name: again.headers.get(name) for name in shown} == {name: first.headers.get(name) for name in shown}


@pytest.mark.parametrize("held", ["", '""', '"other"', "W/", "never,a,tag"])
async def test_who_has_something_else_is_sent_it(client, held):
    assert (await client.get("/inbox", headers={"if-none-match": held})).status_code == 200


async def test_a_tag_of_another_coding_is_something_else(client):
    first = await client.get("/inbox", headers={"accept-encoding": "br"})
    headers = {"accept-encoding": "gzip", "if-none-match": first.headers["etag"]}
    assert (await client.get("/inbox", headers=headers)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_runs_in_a_page_but_what_the_service_sends(client, path):
    headers = (await client.get(path)).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


async def test_what_a_page_loads_is_taken_for_nothing_else(client):
    assert (await client.get(ASSET)).headers["x-content-type-options"] == "nosniff"


@pytest.mark.row("C7")
async def test_the_agents_page_alone_may_ask_for_the_microphone(client):
    allowed = {path: (await client.get(path)).headers["permissions-policy"] for path in PATHS}
    assert [path for path, policy in allowed.items() if "microphone=(self)" in policy] == ["/agent"]
    assert all("microphone=()" in policy for path, policy in allowed.items() if path != "/agent")


async def test_who_asks_for_nothing_is_led_to_the_inbox_of_wherever_this_is(client):
    got = await client.get("/", headers={"host": "evil.test"})
    assert (got.status_code, got.headers["location"]) == (307, "/inbox")


@pytest.mark.parametrize(
    "path", ["/assets/none.js", "/assets/inbox.html", "/assets/", "/assets/..%2finbox.html", f"{ASSET}.br", "/inbox/"]
)
async def test_what_was_not_built_is_not_there(client, path):
    got = await client.get(path)
    assert ProblemDetails.model_validate_json(got.content).status == got.status_code == 404


@pytest.mark.parametrize("path", PATHS)
async def test_where_they_were_not_built_the_cure_is_named_and_the_rest_works(app, path, tmp_path):
    app.state.pages = files.read(tmp_path / "nowhere")
    async with client_of(app, "key") as client:
        got = await client.get(path)
        assert ProblemDetails.model_validate_json(got.content).status == got.status_code == 503
        assert "`make setup` where npm is found" in got.json()["detail"]
        assert (await client.get("/api/me")).status_code == 200


@pytest.mark.parametrize("path", ["/", *PATHS, ASSET])
async def test_they_are_looked_at_and_nothing_else_and_are_no_part_of_the_description(app, client, path):
    got = await client.post(path)
    assert (got.status_code, got.headers["allow"]) == (405, "GET")
    assert path not in app.openapi()["paths"]
    assert "/assets/{name}" not in app.openapi()["paths"]
