"""What every page is made with: a template that escapes all it is given, and text that no browser obeys."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tailgate_loadtest.report import show, words

SHARED = Path(__file__).parent / "templates"
"""Where the sheet that every page is made on lies, with its style and macros."""


@lru_cache  # to compile a template takes far longer than to fill it in
def environment(*directories: Path) -> Environment:
    """Templates of these directories and the shared one.

    All of them know ``show``, the ``SYMBOLS`` and ``WORDS`` of verdicts, and the filter ``path``.
    """
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader([*directories, SHARED]),
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    made.globals.update(show=show, SYMBOLS=words.SYMBOLS, WORDS=words.WORDS)
    made.filters["path"] = path
    return made


def path(route: str) -> Markup:
    """A route that breaks after a slash rather than after its method or in a name."""
    text = show.clean(route).replace(" ", "\u00a0", 1)
    return Markup("/<wbr>").join(text.split("/"))


def _clean(value: Any) -> Any:
    return show.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value
