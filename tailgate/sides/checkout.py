"""Revisions checked out and built, each once, away from the user's own files.

<cache>/
  <commit>/        a worktree of git
  <commit>.built   which build it was; there when that ended well
  <commit>.lock    shared while a side runs there, exclusive while it is made or removed; its time says when it was
                   last of use
"""

import fcntl
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from tailgate.errors import CommandError
from tailgate.sides.repository import GitError, Repository

KEPT = 6
_LENGTH = 16
"""Of a commit's name as it is used here."""


class Checkout:
    """One commit's worktree in a cache, which exists; ``option`` is how it was asked for."""

    def __init__(self, repository: Repository, commit: str, cache: Path, option: str) -> None:
        self._repository = repository
        self.commit = commit
        self._option = option
        self._top = cache / commit[:_LENGTH]
        self.directory = self._top / repository.prefix
        """What the user's working directory is, there."""

    def take(self, held: ExitStack, recipe: Callable[[], str | None], build: Callable[[], None]) -> bool:
        """Check it out and ``build`` it, unless that was done before; it stays until ``held`` ends.

        ``recipe`` tells from what is checked out how it is built. Returns whether it was built now. Raises
        ``CommandError``, and ``OSError`` when the cache cannot be written.
        """
        lock = held.enter_context(_lock_of(self._top).open("a"))
        fcntl.flock(lock, fcntl.LOCK_SH)
        new = not self._is_built_by(recipe)
        if new:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another may have built it while this one waited.
            new = not self._is_built_by(recipe)
            if new:
                self._check_out()
                build()
                _marker_of(self._top).write_text(repr(recipe()), encoding="utf-8")
            fcntl.flock(lock, fcntl.LOCK_SH)
        os.utime(_lock_of(self._top))
        self._prune()
        return new

    def _is_built_by(self, recipe: Callable[[], str | None]) -> bool:
        marker = _marker_of(self._top)
        built = self.directory.is_dir() and marker.exists()
        return built and marker.read_text(encoding="utf-8") == repr(recipe())

    def _check_out(self) -> None:
        _remove(self._top)
        try:
            # Git still knows one that was removed by hand: --force.
            self._repository.git("worktree", "add", "--force", "--detach", str(self._top), self.commit)
        except GitError as error:
            raise CommandError(f"{self._option}: {self._top} cannot be checked out: {error}") from error
        if (self._top / ".gitmodules").exists():
            try:
                self._repository.git("submodule", "update", "--init", "--recursive", at=self._top)
            except GitError as error:
                raise CommandError(
                    f"{self._option}: the submodules of {self._top} cannot be had: {error}; push their commits to where"
                    " .gitmodules says they are, and let git read there"
                ) from error
        if not self.directory.is_dir():
            raise CommandError(f"{self._option}: {self.commit} has no directory {self._repository.prefix}")

    def _prune(self) -> None:
        """Remove all but those used last; one that is in use stays."""
        tops = [path for path in self._top.parent.iterdir() if _lock_of(path).exists() and path.is_dir()]
        for top in sorted(tops, key=lambda top: _lock_of(top).stat().st_mtime)[:-KEPT]:
            with suppress(BlockingIOError), _lock_of(top).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(top)
                self._repository.git("worktree", "prune")


def _marker_of(top: Path) -> Path:
    return top.with_suffix(".built")


def _lock_of(top: Path) -> Path:
    return top.with_suffix(".lock")


def _remove(top: Path) -> None:
    # The marker first: without it, what is left is nothing.
    _marker_of(top).unlink(missing_ok=True)
    if top.exists():
        shutil.rmtree(top)
