"""Pictures of visits as a part of the page, which needs no other file: so many bytes of them at the most."""

import base64
from pathlib import Path

MOST_BYTES = 3 * 1024 * 1024
"""Of all pictures of a page, as they are in their files."""
_TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


class Album:
    """The pictures of a bundle that still have room on its page."""

    def __init__(self, directory: Path, room: int = MOST_BYTES) -> None:
        self._directory = directory.resolve()
        self._room = room

    def take(self, name: str | None) -> str | None:
        """The address of a picture, which is the picture itself, by its path in the bundle.

        None where there is none, where it is none, and where there is no room for it any more. A bundle may be
        anybody's: what lies outside of it is none of its pictures.
        """
        if name is None:
            return None
        path = (self._directory / name).resolve()
        if not path.is_relative_to(self._directory) or not path.is_file() or path.stat().st_size > self._room:
            return None
        content = path.read_bytes()
        kind = next((kind for magic, kind in _TYPES.items() if content.startswith(magic)), None)
        if kind is None:
            return None
        self._room -= len(content)
        return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
