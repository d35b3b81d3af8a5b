"""The built pages and what they load: read once, and sent in the coding that they were compressed in when built."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tailgate_service.compression import choose

BUILT = Path(__file__).with_name("built")
"""Where the build puts them: a file of HTML for each page, what they load below ``assets``, each also compressed."""
PAGES = ("inbox", "dashboard", "agent")

_CODINGS = {"br": ".br", "gzip": ".gz"}
_MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
# What nobody takes for something that runs.
_UNKNOWN = "application/octet-stream"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What a client is sent of a file: these bytes, in this ``coding`` (None: as they are), by a tag of their own."""

    body: bytes
    coding: str | None
    etag: str


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file, ``plain`` and by the codings that it was compressed in; ``version`` says what is in it."""

    media_type: str
    plain: bytes
    coded: Mapping[str, bytes]
    version: str

    def sent(self, accepted: str) -> Sent:
        """What a client is sent that accepts ``accepted``, the header's value.

        A strong tag names bytes, not what they mean (RFC 9110, 8.8.3.3): each coding has another.
        """
        coding = choose(accepted).coding
        if coding is None or coding not in self.coded:
            return Sent(body=self.plain, coding=None, etag=f'"{self.version}"')
        return Sent(body=self.coded[coding], coding=coding, etag=f'"{self.version}-{coding}"')


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """All files by their names: ``pages`` by those of ``PAGES``, ``assets`` with their suffixes.

    A page that was not built is not there.
    """

    pages: Mapping[str, File]
    assets: Mapping[str, File]


def read(directory: Path = BUILT) -> Built:
    """What was built into ``directory``; nothing where there is no such directory. Raises ``OSError``."""
    return Built(
        pages={page: _read(path) for page in PAGES if (path := directory / f"{page}.html").is_file()},
        assets={
            path.name: _read(path)
            for path in sorted((directory / "assets").glob("*"))
            if path.suffix not in _CODINGS.values()
        },
    )


def _read(path: Path) -> File:
    plain = path.read_bytes()
    beside = {coding: path.with_name(path.name + suffix) for coding, suffix in _CODINGS.items()}
    return File(
        media_type=_MEDIA_TYPES.get(path.suffix, _UNKNOWN),
        plain=plain,
        coded={coding: other.read_bytes() for coding, other in beside.items() if other.is_file()},
        version=hashlib.sha256(plain).hexdigest()[:32],
    )
