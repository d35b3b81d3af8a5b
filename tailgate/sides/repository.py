"""The user's git repository: what a revision is called by, and the working tree as a commit of its own.

Nothing of it is changed but for objects that no branch leads to, as `git stash create` leaves them, and the list of its
worktrees.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tailgate.errors import CommandError
from tailgate.sides import surroundings
from tailgate.untrusted import printable

BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
"""Where the default branch is looked for."""
WHOLE = (
    "this clone is shallow and may lack it: `git fetch --unshallow`; in GitHub, actions/checkout with `fetch-depth: 0`;"
    " in GitLab, `GIT_DEPTH: 0`"
)
_FETCH = "git fetch origin '+refs/heads/*:refs/remotes/origin/*'"
_DIRTY = re.compile(r"1 .. S.(M.|.U) \d+ \d+ \d+ \w+ \w+ (?P<path>.*)", re.DOTALL)
"""What ``git status --porcelain=v2`` says of a submodule whose own files have changed or are new."""
_SAY = "say by --base what to compare with"
_LINK = "160000"
"""The mode of a submodule's entry."""
# Its words are ours to read; it asks nobody, and does not refresh what it only reads.
_SURROUNDINGS = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
# The same files are the same commit, whoever asks when.
_AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "tailgate"), ("EMAIL", "tailgate@localhost"), ("DATE", "2000-01-01T00:00:00Z"))
}


class GitError(Exception):
    """Git refused; its own words."""


@dataclass(frozen=True, kw_only=True)
class Revision:
    """``commit`` is what is checked out; ``name`` the commit as people know it, which is another where files differ."""

    commit: str
    name: str


class Repository:
    """The repository of a working tree, of which ``directory`` is a part; ``option`` is how it was asked for.

    Raises:
        CommandError: there is none, or no git.
    """

    def __init__(self, directory: Path, option: str) -> None:
        self._directory = directory
        self._option = option
        try:
            self.top = Path(self.git("rev-parse", "--show-toplevel"))
            self.prefix = self.git("rev-parse", "--show-prefix")
        except GitError as error:
            raise CommandError(
                f"{option}: {directory} is in no working tree of git ({error}); in one, or with a variant, an address,"
                " cmd:COMMAND or compose:FILE, it can be"
            ) from error

    def git(self, *arguments: str, at: Path | None = None, environ: Mapping[str, str] | None = None) -> str:
        """What git says, without the last line's end. Raises ``GitError``."""
        try:
            done = subprocess.run(  # noqa: S603 - git, and revisions where it takes nothing else
                # Nobody's hook is run for what we do.
                ["git", "-c", "core.hooksPath=/dev/null", *arguments],  # noqa: S607
                cwd=at or self._directory,
                env=surroundings.inherited() | _SURROUNDINGS | dict(environ or {}),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise CommandError(f"{self._option}: there is no git on the PATH; install it") from error
        if done.returncode != 0:
            raise GitError(
                " ".join(printable(os.fsdecode(done.stderr)).split())[-500:] or f"it ended with {done.returncode}"
            )
        return os.fsdecode(done.stdout).removesuffix("\n")

    def revision(self, name: str) -> Revision:
        """The commit that goes by a name. Raises ``CommandError``."""
        try:
            found = self.git("rev-parse", "--verify", "--quiet", "--end-of-options", name)
            # Apart: a name that is looked for in messages would take what follows for a part of it.
            commit = self.git("rev-parse", "--verify", "--quiet", f"{found}^{{commit}}")
        except GitError as error:
            cure = WHOLE if self._shallow() else "if a remote has it, `git fetch` it first"
            raise CommandError(f"{self._option} {name}: there is no such revision; {cure}") from error
        return Revision(commit=commit, name=commit)

    def merge_base(self, target: str | None = None) -> tuple[Revision, str]:
        """Where HEAD left a branch, and that branch's name. Raises ``CommandError``.

        The branch is the remote's ``target``, where it is known what the change goes to; else the default branch.
        """
        branches = (f"origin/{target}",) if target else BRANCHES
        for branch in branches:
            try:
                self.git("rev-parse", "--verify", "--quiet", f"{branch}^{{commit}}")
            except GitError:
                continue
            branch = self.git("rev-parse", "--abbrev-ref", branch)
            try:
                commit = self.git("merge-base", "HEAD", branch)
            except GitError as error:
                cure = self._cure()
                raise CommandError(f"--base: HEAD and {branch} have no commit in common; {cure}") from error
            return Revision(commit=commit, name=commit), branch
        if target:
            cure = self._cure(f"`{_FETCH}`")
            raise CommandError(f"--base: there is no {branches[0]}, the branch that the pull request goes to; {cure}")
        cure = self._cure(f"`{_FETCH}`, and where it goes by another name `git remote set-head origin --auto`")
        raise CommandError(f"--base: there is no default branch, none of {', '.join(BRANCHES)}; {cure}")

    def working_tree(self) -> Revision:
        """The files as they stand, whatever git ignores left out. Raises ``CommandError``."""
        try:
            head = self.git("rev-parse", "--verify", "HEAD^{commit}")
            self._refuse_dirty_submodules()
            with tempfile.TemporaryDirectory(prefix="tailgate-index-") as scratch:
                index = Path(scratch) / "index"
                # Theirs, of which only what has changed is read again.
                own = self.top / self.git("rev-parse", "--git-path", "index", at=self.top)
                if own.exists():
                    shutil.copy2(own, index)
                environ = {"GIT_INDEX_FILE": str(index)}
                self.git("add", "--all", at=self.top, environ=environ)
                self._refuse_strangers(environ)
                tree = self.git("write-tree", at=self.top, environ=environ)
            if tree == self.git("rev-parse", "HEAD^{tree}"):
                return Revision(commit=head, name=head)
            commit = self.git("commit-tree", tree, "-p", head, "-m", "The working tree as it stood", environ=_AUTHOR)
        except GitError as error:
            raise CommandError(f"{self._option}: the working tree {self.top} cannot be read: {error}") from error
        return Revision(commit=commit, name=f"{head}-dirty")

    def _cure(self, fetch: str = "") -> str:
        """What helps where a branch is not there, ``fetch`` if there is where to fetch it from."""
        if self._shallow():
            return WHOLE
        return f"{fetch}; or {_SAY}" if fetch and self.git("remote") else _SAY

    def _shallow(self) -> bool:
        return self.git("rev-parse", "--is-shallow-repository") == "true"

    def _refuse_dirty_submodules(self) -> None:
        status = self.git("status", "--porcelain=v2", "-z", "--ignore-submodules=none", "--untracked-files=normal")
        for entry in status.split("\0"):
            if dirty := _DIRTY.fullmatch(entry):
                raise CommandError(
                    f"{self._option}: the submodule {dirty['path']} has changes of its own, which only it can keep:"
                    f" commit them there, or compare what is committed by {self._option} HEAD"
                )

    def _refuse_strangers(self, environ: Mapping[str, str]) -> None:
        entries = self.git("ls-files", "--stage", "-z", at=self.top, environ=environ).split("\0")
        links = [entry.partition("\t")[2] for entry in entries if entry.startswith(_LINK)]
        if not links:
            return
        try:
            self.git("submodule", "status", "--cached", at=self.top, environ=environ)
        except GitError as error:
            raise CommandError(
                f"{self._option}: there is a repository within {self.top} that is no submodule ({error}): have git"
                " ignore it"
            ) from error
