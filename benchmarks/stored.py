"""The latest figures, kept in the repository: what was measured of which commit, when, how, and on what machine."""

import json
import math
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import revision
from benchmarks.figures import Figure, Raw

FIGURES = revision.ROOT / "docs/figures.json"
_NUMBERS = ("value", "low", "high", "goal")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What it was measured on; ``memory`` in bytes."""

    cores: int
    memory: int
    python: str


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A figure and where it comes from; ``date`` is the day, in UTC, on which it was measured."""

    figure: Figure
    commit: str
    date: str
    command: str
    machine: Machine


def finish(raw: Raw, figures: Sequence[Figure], place: Path = FIGURES, root: Path = revision.ROOT) -> None:
    """End a benchmark: print its figures, and keep them when it is certain which commit they are of."""
    print()
    print(*figures, sep="\n")
    now = revision.current(root)
    if raw.revision.changed:
        print(f"\nnot stored: measured with changes that are not committed, {raw.revision.changed[0]} for one")
    elif now != raw.revision:
        print(f"\nnot stored: the checkout was {raw.revision} when measuring began, and is {now} now")
    else:
        store(figures, place, commit=now.commit, command=_command(), date=datetime.now(UTC).date().isoformat())
        print(f"\nstored in {place.name} as of {now}")
    raw.complete()


def store(figures: Iterable[Figure], place: Path, *, commit: str, command: str, date: str) -> None:
    """Put figures beside those that are kept already, or in the stead of those of the same names."""
    kept = load(place)
    for figure in figures:
        kept[figure.name] = Stored(figure=figure, commit=commit, date=date, command=command, machine=_machine())
    text = json.dumps({name: _as_json(kept[name]) for name in sorted(kept)}, indent=2, allow_nan=False)
    draft = place.with_suffix(".draft")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(place)


def load(place: Path = FIGURES) -> dict[str, Stored]:
    """What is kept, by name; nothing where nothing has been stored yet."""
    if not place.exists():
        return {}
    kept: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return {name: _of_json(name, one) for name, one in kept.items()}


def _as_json(stored: Stored) -> dict[str, Any]:
    shown = asdict(stored)
    figure = shown.pop("figure")
    # JSON knows no infinities; what is not a number meets no goal.
    numbers = {name: figure[name] if math.isfinite(figure[name]) else None for name in _NUMBERS}
    return {**numbers, "sense": figure["sense"], **shown}


def _of_json(name: str, one: Mapping[str, Any]) -> Stored:
    numbers = {key: math.nan if one[key] is None else float(one[key]) for key in _NUMBERS}
    return Stored(
        figure=Figure(name=name, sense=one["sense"], **numbers),
        commit=one["commit"],
        date=one["date"],
        command=one["command"],
        machine=Machine(**one["machine"]),
    )


def _machine() -> Machine:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(cores=os.cpu_count() or 1, memory=memory, python=platform.python_version())


def _command() -> str:
    spec = sys.modules["__main__"].__spec__
    # Of a package its __main__ is run.
    module = spec.name.removesuffix(".__main__") if spec else sys.argv[0]
    return shlex.join(["python", "-m", module, *sys.argv[1:]])
