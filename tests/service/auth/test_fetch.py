"""Fetching an issuer's keys: what it answers has bounds."""

import asyncio
import gzip
import ssl
from itertools import chain, repeat

import pytest
import trustme
from tailgate_service.auth.fetch import MAX_BYTES, fetch
from tailgate_service.errors import IssuerError

from tests.server import HEAD, Response, Server


async def test_the_body_of_a_200_comes_back():
    with Server(Response(b"{}")) as server:
        assert await fetch(server.url) == b"{}"


@pytest.mark.parametrize("status", [204, 301, 302, 307, 401, 404, 500])
async def test_any_other_status_is_refused_and_no_redirect_followed(status):
    with Server(Response(b"elsewhere")) as elsewhere:
        moved = Response(status=status, headers={"Location": elsewhere.url})
        with Server(moved) as server, pytest.raises(IssuerError, match=f"127.0.0.1 answered {status}"):
            await fetch(server.url)
        assert (len(server.asked), len(elsewhere.asked)) == (1, 0)


@pytest.mark.parametrize("told", [True, False])
async def test_more_than_the_bound_is_not_read(told):
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n" if told else HEAD
    endless = chain([head], repeat(b" " * 65536))
    with Server(lambda _: endless) as server, pytest.raises(IssuerError, match=f"more than {MAX_BYTES} bytes"):
        await fetch(server.url)


async def test_what_comes_compressed_is_refused_before_it_is_unpacked():
    bomb = Response(gzip.compress(b" " * 10**7), headers={"Content-Encoding": "gzip"})
    with Server(bomb) as server, pytest.raises(IssuerError, match="compressed"):
        await fetch(server.url)


async def test_who_answers_drop_by_drop_is_not_waited_for():
    with Server(Response()) as server:
        server.answer = server.drip
        with pytest.raises(IssuerError, match=r"did not answer within 0\.3 s"):
            await fetch(server.url, within=0.3)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/keys", "https://127.0.0.1:1/keys", "http://127.0.0.1:0/", "https://a b/", "https://xn--/"],
)
async def test_nobody_there_is_said(url):
    with pytest.raises(IssuerError, match="cannot be asked"):
        await fetch(url)


async def test_an_answer_that_is_not_http_is_said():
    garbage = [b"\0\1\2 nothing of the kind\r\n\r\n"]
    with Server(lambda _: garbage) as server, pytest.raises(IssuerError, match="cannot be asked"):
        await fetch(server.url)


@pytest.fixture
async def https(monkeypatch, tmp_path):
    """The URL of an HTTPS server, and the authority that vouches for it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/", authority


@pytest.mark.row("A9")
async def test_a_certificate_that_nobody_vouches_for_is_refused(https):
    url, _ = https
    with pytest.raises(IssuerError, match=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
        await fetch(url)


async def test_a_certificate_of_an_authority_that_the_machine_trusts_is_taken(https, monkeypatch, tmp_path):
    url, authority = https
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    assert await fetch(url) == b"{}"


async def test_authorities_that_cannot_be_read_are_said(https, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/authority.pem")
    with pytest.raises(IssuerError, match="cannot be asked"):
        await fetch(https[0])


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch):
    with Server(Response(b"of the proxy")) as proxy, Server(Response(b"{}")) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert await fetch(server.url) == b"{}"
        assert proxy.asked == []
