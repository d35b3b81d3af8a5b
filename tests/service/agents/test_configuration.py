"""When two configurations are the same."""

import gzip
import json
import socket
import uuid
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_otel import names, recording
from tailgate_service.agents.client import Provider
from tailgate_service.agents.configuration import Configuration, canonical, digest, shown_number
from tailgate_service.app import create_app, create_store
from tailgate_service.errors import ProviderError, SettingsError

from tests.server import Response, Server
from tests.service.agents.voice import AGENT, TEST, save, settings_of, until

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
VALUES = st.recursive(
    NUMBERS | st.text(max_size=20) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
CONFIGURATIONS = st.dictionaries(st.text(max_size=5), VALUES, max_size=6)


@given(CONFIGURATIONS)
def test_the_order_of_keys_is_no_difference(configuration):
    assert digest("+1", configuration) == digest("+1", dict(reversed(configuration.items())))


@given(CONFIGURATIONS)
def test_what_went_through_json_is_the_same(configuration):
    assert digest("+1", configuration) == digest("+1", json.loads(json.dumps(configuration)))


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_is_the_same_with_a_point(number):
    assert canonical({"a": [float(number)]}) == {"a": [number]}
    assert digest("+1", {"a": float(number)}) == digest("+1", {"a": number})


def test_what_differs_differs():
    told = Configuration(name="Ada", prompt="x").model_dump()
    others = [{**told, name: value} for name, value in (("prompt", "y"), ("temperature", 0.71), ("keywords", ["a"]))]
    assert len({digest("+1", each) for each in (told, *others)} | {digest("+2", told)}) == 5


def test_a_number_is_stored_as_it_is_compared():
    assert shown_number("0049 (30) 123-4567") == shown_number("+0049301234567") == "+0049301234567"


@pytest.mark.row("C4")
async def test_an_agent_that_is_kept_in_mind_takes_no_query_but_who_asks(client, app, number):
    await save(client, number)
    await until(lambda: app.state.desk.cache.session is not None)
    paths = (AGENT, f"{AGENT}/by-number?phone_number={number[1:]}")
    for path in paths:
        (await client.get(path)).raise_for_status()
    for path in paths:
        with recording() as record:
            (await client.get(path)).raise_for_status()
        assert record.queries == 1
    with recording() as record:
        assert (await save(client, number, "*")).json()["sync"] == "unchanged"
    # Who asks, and: who asks told, the row locked, read.
    assert record.queries == 4


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "http://",
        "nonsense",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:geheim",
        "http://user:geheim@127.0.0.1",
        "http://127.0.0.1/?key=geheim",
        "http://[::1",
    ],
)
def test_a_provider_that_cannot_be_is_named_and_not_quoted(url):
    with pytest.raises(SettingsError, match=names.ENV_VOICE_URL) as raised:
        Provider(url, "")
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("key", ["geheim\n", "ge heim", "geheím"])
def test_a_key_that_no_header_can_hold_is_not_shown(key):
    with pytest.raises(SettingsError, match=names.ENV_VOICE_KEY) as raised:
        Provider("http://127.0.0.1:1", key)
    assert key not in str(raised.value)


def test_a_redis_that_cannot_be_is_named_without_its_password():
    settings = settings_of("postgresql://", redis_url="http://user:geheim@127.0.0.1")
    with pytest.raises(SettingsError, match=names.ENV_REDIS_URL) as raised:
        create_app(settings, create_store("parallel", None))
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'{"phone_number": 1}', b'{"phone_number": "\\ud800"}'])
async def test_nonsense_is_refused_and_nothing_stored(client, world, body):
    answer = await client.put(AGENT, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert await world.count("agents") == 0


async def test_a_name_of_which_nothing_can_be_seen_is_refused(client, world, number):
    body = {"phone_number": number, "configuration": {"name": "\u202e ", "prompt": "x"}}
    answer = await client.put(AGENT, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "configuration.name")
    assert await world.count("agents") == 0


async def test_lone_surrogates_and_deep_nests_do_not_reach_the_database(client, world, number):
    surrogate = json.dumps({"phone_number": number, "configuration": {"name": "\ud800", "prompt": "x"}})
    deep = b'{"phone_number": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    for body in (surrogate.encode(), deep):
        answer = await client.put(AGENT, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422, answer.text
    assert await world.count("agents") == 0


async def test_an_id_that_is_none_is_refused(client):
    assert (await client.get(f"{TEST}/nonsense/events")).status_code == 422
    assert (await client.get(f"{TEST}/{uuid.uuid4()}/events", headers={"last-event-id": "-1"})).status_code == 422


@pytest.mark.parametrize(
    "answer", ["{}", '{"id": 1}', '{"id": ""}', '{"id": "\\u0000"}', '{"id": "' + "x" * 300 + '"}']
)
async def test_a_provider_that_names_nothing_did_not_take_it(client, number, answer):
    with Server(Response(answer.encode(), headers={"Connection": "close"})) as server:
        client._transport.app.state.desk._provider = Provider(server.url, "")
        saved = (await save(client, number)).json()
    assert (saved["sync"], saved["detail"]) == ("failed", "the voice provider answered without an id")


async def test_where_the_provider_is_nobody_is_told():
    """Callers are told why it cannot be reached."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        provider = Provider(f"http://127.0.0.1:{port}", "")
        for asked in (anext(provider.words("call")), provider.start_call("agent", uuid.uuid4())):
            with pytest.raises(ProviderError) as raised:
                await asked
            assert "127.0.0.1" not in str(raised.value)
            assert str(port) not in str(raised.value)
    await provider.close()


async def test_a_provider_that_answers_little_that_unpacks_to_much_is_not_unpacked(client, number):
    packed = gzip.compress(b'{"id": "x", "more": "' + b"x" * (1 << 20) + b'"}')
    with Server(Response(packed, headers={"Content-Encoding": "gzip", "Connection": "close"})) as server:
        client._transport.app.state.desk._provider = Provider(server.url, "")
        saved = (await save(client, number)).json()
    asked = server.asked[0]
    assert (asked.headers["content-type"], asked.headers["accept-encoding"]) == ("application/json", "identity")
    assert (saved["sync"], saved["detail"]) == ("failed", "the voice provider sent an answer that is not JSON")


async def test_a_provider_that_never_stops_answering_is_cut_off(client, number):
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    with Server(lambda _: chain([head], repeat(b"2000\r\n" + b" " * 0x2000 + b"\r\n"))) as server:
        client._transport.app.state.desk._provider = Provider(server.url, "")
        saved = (await save(client, number)).json()
        await client._transport.app.state.desk._provider.close()
    assert (saved["sync"], saved["detail"]) == ("failed", "the voice provider answered more than 65536 bytes")
