"""A small build of the pages, as ``service/pages`` would make it, for tests of how it is sent."""

import gzip
from pathlib import Path

import brotli

PAGES = {
    "inbox.html": "<!doctype html><title>Inbox</title>" + "<p>inbox</p>" * 100,
    "dashboard.html": "<!doctype html><title>Dashboard</title>" + "<p>dashboard</p>" * 100,
    "agent.html": "<!doctype html><title>Agent</title>" + "<p>agent</p>" * 100,
}
ASSETS = {
    "inbox-3f2a.js": "'use strict';" + "void 0;" * 400,
    "page-91bc.css": "body { margin: 0 }" * 100,
}


def build(directory: Path) -> Path:
    """Write it into ``directory``, which it returns."""
    (directory / "assets").mkdir(parents=True)
    for name, text in {**PAGES, **{f"assets/{asset}": text for asset, text in ASSETS.items()}}.items():
        plain = text.encode()
        (directory / name).write_bytes(plain)
        (directory / f"{name}.br").write_bytes(brotli.compress(plain))
        (directory / f"{name}.gz").write_bytes(gzip.compress(plain, mtime=0))
    return directory
