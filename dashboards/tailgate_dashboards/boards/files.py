"""What an objectives file is compiled to, as files: the boards and the rules that they read.

boards/<uid>.json     for Grafana's provisioning
rules/tailgate.yaml   for Prometheus
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tailgate_slo import Objectives

from ..rules import compile_rules
from ..rules import render as render_rules
from .catalog import boards_of
from .draw import render

BOARDS = "boards"
RULES = "rules/tailgate.yaml"
_OURS = f"{BOARDS}/tailgate-*.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """A file, by its path below the directory, that is not what the objectives say.

    ``stray``: it is a board of ours that they have no longer. ``diff`` leads from what is there to what should be.
    """

    path: str
    what: Literal["missing", "changed", "stray"]
    diff: str = ""


def compiled(objectives: Objectives) -> dict[str, str]:
    """Each file's text by its path below the directory; the same for the same objectives."""
    texts = {f"{BOARDS}/{board.uid}.json": render(board) for board in boards_of(objectives)}
    return {**texts, RULES: render_rules(compile_rules(objectives))}


def drifts(directory: Path, texts: Mapping[str, str]) -> Iterator[Drift]:
    """How the files in a directory differ from what they should be. Raises OSError for those that cannot be read."""
    for path, text in texts.items():
        try:
            there = (directory / path).read_bytes()
        except FileNotFoundError:
            yield Drift(path=path, what="missing")
        else:
            if there != text.encode():
                yield Drift(path=path, what="changed", diff=_diff(there.decode(errors="replace"), text))
    for stray in sorted(directory.glob(_OURS)):
        if (path := stray.relative_to(directory).as_posix()) not in texts:
            yield Drift(path=path, what="stray")


def put_right(directory: Path, texts: Mapping[str, str], found: Drift) -> None:
    """Write, or remove, the file. Raises OSError."""
    path = directory / found.path
    if found.what == "stray":
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(texts[found.path], encoding="utf-8")


def _diff(there: str, wanted: str) -> str:
    lines = difflib.unified_diff(there.splitlines(), wanted.splitlines(), "there", "compiled", n=1, lineterm="")
    return "\n".join(lines)
