"""The run bundles that a path leads to: one, those of a directory, or a side of what ``tailgate ab`` has written."""

from collections.abc import Iterator
from pathlib import Path

from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.shapes.sides import SIDES, Side

_TRACES = ("latency.hlog", "server.json", "verdict.json", "slo.yaml", ".engine.json")
"""What only a run leaves behind: a directory with any of these, and no run.json, once was to be a bundle."""


def bundles(path: Path, side: Side) -> list[Bundle]:
    """The bundle at a path, or all those in the directory there, by name; of two sides in one place, ``side``.

    Raises:
        BundleError: there is none, or one of them has no run.json.
    """
    if not path.is_dir():
        raise BundleError(f"{path}: there is no such directory; give a run's bundle, or a directory that holds some")
    found = [Bundle.open(each) for each in places(path, side)]
    if not found:
        raise BundleError(f"{path}: holds no run bundle; give a directory that `tailgate run` wrote, or one with such")
    return found


def places(path: Path, *sides: Side) -> Iterator[Path]:
    """Every directory at ``path``, or right below it, that is a bundle or was to be one; their names ascend.

    Two names of one directory, as ``latest`` is one, are one; the link gives way.
    """
    if own := list(_at(path, sides)):
        yield from own
        return
    seen: set[Path] = set()
    children = [child for child in path.iterdir() if child.is_dir()]
    for child in sorted(children, key=lambda child: (child.is_symlink(), child.name)):
        if (real := child.resolve()) not in seen:
            seen.add(real)
            yield from _at(child, sides)


def side_of(path: Path) -> Side | None:
    """Which of two sides a bundle is that were loaded together; None: it was loaded alone."""
    real = path.resolve()
    return next((side for side in SIDES if real.name == side and _has_sides(real.parent)), None)


def _has_sides(path: Path) -> bool:
    # Not by its document: one that was killed has none.
    return all((path / side).is_dir() for side in SIDES)


def name(path: Path) -> str:
    """A path in letters that every file can hold: what of it is no text becomes a question mark."""
    return path.as_posix().encode("utf-8", "replace").decode("utf-8")


def _at(path: Path, sides: tuple[Side, ...]) -> Iterator[Path]:
    if (path / "run.json").exists():
        yield path
    elif _has_sides(path):
        yield from (path / side for side in sides)
    elif any((path / name).exists() for name in _TRACES):
        yield path
