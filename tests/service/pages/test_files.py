"""The files of the built pages: read once, and sent in the coding that a client takes."""

import gzip

import brotli
import pytest
from tailgate_service.pages import files

from tests.service.pages.made import ASSETS, PAGES, build

DECODE = {None: bytes, "br": brotli.decompress, "gzip": gzip.decompress}


@pytest.fixture
def built(tmp_path) -> files.Built:
    return files.read(build(tmp_path / "built"))


def test_every_page_and_asset_is_read_and_no_compressed_file_is_one_itself(built):
    assert set(built.pages) == set(files.PAGES)
    assert set(built.assets) == set(ASSETS)
    assert {file.media_type for file in built.pages.values()} == {"text/html"}
    assert {name: file.media_type for name, file in built.assets.items()} == {
        "inbox-3f2a.js": "text/javascript",
        "page-91bc.css": "text/css",
    }


@pytest.mark.parametrize(
    ("accepted", "coding"), [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"), ("", None)]
)
def test_a_client_is_sent_the_same_whatever_coding_it_takes(built, accepted, coding):
    sent = built.pages["inbox"].sent(accepted)
    assert sent.coding == coding
    assert DECODE[coding](sent.body).decode() == PAGES["inbox.html"]


def test_each_coding_of_each_file_has_a_tag_of_its_own(built):
    every = [*built.pages.values(), *built.assets.values()]
    tags = {file.sent(accepted).etag for file in every for accepted in ("br", "gzip", "")}
    assert len(tags) == 3 * len(every)
    assert all(tag[0] == tag[-1] == '"' for tag in tags)


def test_the_same_build_read_again_has_the_same_tags(built, tmp_path):
    again = files.read(build(tmp_path / "again"))
    assert [file.sent("br") for file in again.pages.values()] == [file.sent("br") for file in built.pages.values()]


def test_a_file_without_its_compressed_self_is_sent_as_it_is(tmp_path):
    directory = build(tmp_path / "built")
    (directory / "assets/inbox-3f2a.js.br").unlink()
    sent = files.read(directory).assets["inbox-3f2a.js"].sent("br")
    assert (sent.coding, sent.body.decode()) == (None, ASSETS["inbox-3f2a.js"])


def test_what_nobody_knows_runs_nowhere(tmp_path):
    directory = build(tmp_path / "built")
    (directory / "assets/strange.wasm").write_bytes(b"\0asm")
    assert files.read(directory).assets["strange.wasm"].media_type == "application/octet-stream"


def test_where_nothing_was_built_there_is_nothing(tmp_path):
    assert files.read(tmp_path / "nowhere") == files.Built(pages={}, assets={})


def test_a_page_that_was_not_built_is_missing_alone(tmp_path):
    directory = build(tmp_path / "built")
    (directory / "agent.html").unlink()
    assert set(files.read(directory).pages) == {"inbox", "dashboard"}
