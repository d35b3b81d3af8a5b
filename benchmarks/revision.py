"""Which state of the repository is measured."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
WRITTEN = ("docs/figures.json", "docs/baseline.md", "docs/requirements.md")
"""Pages that measuring itself writes: their changes change nothing that is measured."""


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A commit, abbreviated, and the files that differ from it or are not in it."""

    commit: str
    changed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.commit}-dirty" if self.changed else self.commit


def current(root: Path = ROOT) -> Revision:
    """The checkout as it is now; outside of one, all is taken to be changed."""
    commit = _git(root, "rev-parse", "--short", "HEAD").strip()
    if not commit:
        return Revision(commit="unknown", changed=(".",))
    apart = [f":(exclude){each}" for each in WRITTEN]
    # A file between NULs is named as it is; after a rename its old name follows alone, which only makes one more.
    told = _git(root, "status", "--porcelain", "-z", "--untracked-files=all", "--", ".", *apart)
    return Revision(commit=commit, changed=tuple(line[3:] for line in told.split("\0") if line))


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - a fixed command
        ["git", "-C", str(root), *arguments],  # noqa: S607 - whichever git there is
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else ""
