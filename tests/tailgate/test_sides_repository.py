"""What a revision is called by; each way of having none is said with its cure."""

import re
from pathlib import Path

import pytest

from tailgate.errors import CommandError
from tailgate.sides.repository import Repository
from tests.tailgate import shop


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The shop's repository."""
    return shop.repository(tmp_path / "shop")


def clone(project: Path, directory: Path, *options: str) -> Path:
    """A clone of it, as from elsewhere."""
    shop.git(project.parent, "clone", "-q", *options, f"file://{project}", str(directory))
    return directory


@pytest.fixture
def remote(project: Path) -> Path:
    """The same as it lies elsewhere, where the default branch is checked out."""
    shop.git(project, "checkout", "-q", "main")
    return project


def of(directory: Path) -> Repository:
    return Repository(directory, "--base")


def test_the_default_branch_is_the_remotes_own(project: Path, tmp_path: Path) -> None:
    """Whatever it is called there, and whatever branches of the usual names there are besides."""
    shop.git(project, "branch", "master", "main")
    shop.git(project, "checkout", "-q", "-b", "trunk", "slower")
    copy = clone(project, tmp_path / "copy")
    revision, branch = of(copy).merge_base()
    assert (revision.commit, branch) == (shop.git(project, "rev-parse", "trunk"), "origin/trunk")


@pytest.mark.parametrize("name", ["main", "master"])
def test_without_that_it_goes_by_its_usual_names(project: Path, tmp_path: Path, name: str) -> None:
    shop.git(project, "branch", "-m", "main", name)
    copy = clone(project, tmp_path / "copy")
    shop.git(copy, "remote", "set-head", "origin", "--delete")
    assert of(copy).merge_base()[1] == f"origin/{name}"
    assert of(project).merge_base()[1] == name


def test_the_merge_base_is_where_the_branch_was_left(project: Path) -> None:
    left = shop.git(project, "rev-parse", "main")
    shop.git(project, "checkout", "-q", "main")
    (project / "news.txt").write_text("meanwhile")
    shop.git(project, "add", ".")
    shop.git(project, "commit", "-q", "-m", "meanwhile")
    shop.git(project, "checkout", "-q", "slower")
    assert of(project).merge_base()[0].commit == left


def test_a_change_that_goes_to_another_branch_is_compared_with_where_it_left_that(
    project: Path, tmp_path: Path
) -> None:
    shop.git(project, "checkout", "-q", "-b", "release/1", "main")
    shop.write(project, 3)
    shop.git(project, "commit", "-q", "-a", "-m", "for the release alone")
    left = shop.git(project, "rev-parse", "HEAD")
    shop.git(project, "checkout", "-q", "-b", "mended")
    shop.write(project, 4)
    shop.git(project, "commit", "-q", "-a", "-m", "mended there")
    copy = clone(project, tmp_path / "copy")
    revision, branch = of(copy).merge_base("release/1")
    assert (revision.commit, branch) == (left, "origin/release/1")


@pytest.mark.parametrize("target", ["gone", "--all", "main^{tree}", "main..slower"])
def test_a_branch_that_is_not_there_is_named_and_no_other_takes_its_place(
    project: Path, tmp_path: Path, target: str
) -> None:
    copy = clone(project, tmp_path / "copy")
    named = rf"--base: there is no origin/{re.escape(target)}, the branch that the pull request goes to; `git fetch "
    with pytest.raises(CommandError, match=named):
        of(copy).merge_base(target)


@pytest.mark.parametrize("branches", ["--single-branch", "--no-single-branch"])
def test_a_shallow_clone_of_a_change_to_another_branch_is_told_how_to_become_whole(
    remote: Path, tmp_path: Path, branches: str
) -> None:
    copy = clone(remote, tmp_path / "copy", "--depth", "1", "--branch", "slower", branches)
    with pytest.raises(CommandError, match=r"`git fetch --unshallow`; in GitHub, .* `fetch-depth: 0`"):
        of(copy).merge_base("main")


def test_a_revision_goes_by_any_name_that_git_knows(project: Path) -> None:
    shop.git(project, "tag", "-a", "v1", "-m", "one", "main")
    first = shop.git(project, "rev-parse", "main")
    for name in ("v1", "HEAD~1", first[:8], "main^{commit}", ":/a shop"):
        assert of(project).revision(name).commit == first


@pytest.mark.parametrize(
    "name", ["nobody", "", "--all", "-h", "HEAD~99", "main:shop.pl", "a\nb", "main slower", "x" * 9000]
)
def test_what_is_no_revision_is_refused(project: Path, name: str) -> None:
    with pytest.raises(CommandError, match=f"(?s)--base {re.escape(name)}: there is no such revision; if a remote has"):
        of(project).revision(name)


@pytest.mark.parametrize("ask", ["revision", "merge base"])
def test_a_shallow_clone_is_told_how_to_become_whole(remote: Path, tmp_path: Path, ask: str) -> None:
    copy = clone(remote, tmp_path / "copy", "--depth", "1", "--branch", "slower")
    with pytest.raises(CommandError, match=r"`git fetch --unshallow`; in GitHub, .* `fetch-depth: 0`") as refused:
        of(copy).revision("HEAD~1") if ask == "revision" else of(copy).merge_base()
    assert "GIT_DEPTH: 0" in str(refused.value)
    shop.git(copy, "fetch", "-q", "--unshallow", "origin", "+refs/heads/*:refs/remotes/origin/*")
    assert (
        of(copy).revision("HEAD~1").commit == of(copy).merge_base()[0].commit == shop.git(remote, "rev-parse", "main")
    )


def test_a_shallow_clone_of_both_branches_has_nothing_in_common_yet(remote: Path, tmp_path: Path) -> None:
    copy = clone(remote, tmp_path / "copy", "--depth", "1", "--branch", "slower", "--no-single-branch")
    with pytest.raises(CommandError, match=r"HEAD and origin/main have no commit in common; .*fetch --unshallow"):
        of(copy).merge_base()


def test_without_a_default_branch_it_is_said_how_to_have_one(project: Path, tmp_path: Path) -> None:
    shop.git(project, "branch", "-m", "main", "development")
    shop.git(project, "remote", "add", "origin", str(tmp_path / "elsewhere"))
    with pytest.raises(
        CommandError,
        match=r"no default branch, none of origin/HEAD, .* `git fetch origin .* `git remote set-head origin --auto`",
    ):
        of(project).merge_base()


def test_nothing_is_to_be_fetched_where_there_is_no_remote(project: Path) -> None:
    shop.git(project, "branch", "-m", "main", "development")
    with pytest.raises(CommandError, match=r"none of origin/HEAD, .* master; say by --base what to compare with$"):
        of(project).merge_base()


def test_branches_that_have_nothing_in_common_are_said_to(project: Path) -> None:
    shop.git(project, "checkout", "-q", "--orphan", "other")
    shop.git(project, "commit", "-q", "-m", "from nothing")
    with pytest.raises(CommandError, match=r"HEAD and main have no commit in common; say by --base"):
        of(project).merge_base()


@pytest.mark.parametrize("kind", ["none", "bare", "without a commit"])
def test_where_there_is_nothing_to_compare_it_is_said(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / "here"
    directory.mkdir()
    if kind != "none":
        shop.git(directory, "init", "-q", *(["--bare"] if kind == "bare" else []))
    message = "cannot be read" if kind == "without a commit" else "is in no working tree of git .* with a variant"
    with pytest.raises(CommandError, match=message):
        of(directory).working_tree()


def test_the_working_tree_is_the_same_commit_as_long_as_it_is_the_same(project: Path) -> None:
    shop.write(project, 3)
    (project / "gone.txt").write_text("for now")
    first = of(project).working_tree()
    (project / "gone.txt").unlink()
    second = of(project).working_tree()
    (project / "gone.txt").write_text("for now")
    assert of(project).working_tree() == first != second
    assert first.name == second.name == shop.git(project, "rev-parse", "HEAD") + "-dirty"


def test_what_is_staged_removed_or_in_conflict_counts_as_it_stands(project: Path) -> None:
    shop.git(project, "checkout", "-q", "-b", "third", "main")
    shop.write(project, 3)
    shop.git(project, "commit", "-q", "-a", "-m", "third")
    with pytest.raises(Exception, match="merge"):
        shop.git(project, "merge", "slower")
    (project / "tailgate.yaml").unlink()
    (project / "staged.txt").write_text("staged")
    shop.git(project, "add", "staged.txt")
    (project / "staged.txt").write_text("and changed")
    tree = of(project).working_tree().commit
    assert shop.git(project, "show", f"{tree}:staged.txt") == "and changed"
    assert "<<<<<<<" in shop.git(project, "show", f"{tree}:shop.pl")
    assert "tailgate.yaml" not in shop.git(project, "ls-tree", "--name-only", tree)


@pytest.mark.parametrize("change", ["changed", "new"])
def test_a_dirty_submodule_is_refused_by_name(project: Path, change: str) -> None:
    library = shop.with_submodule(project)
    assert of(project).working_tree().commit == shop.git(project, "rev-parse", "HEAD")
    (library / ("list.txt" if change == "changed" else "more.txt")).write_text("dearer")
    with pytest.raises(CommandError, match=r"the submodule lib of ours has changes of its own.* by --base HEAD"):
        of(project).working_tree()
    shop.git(library, "add", ".")
    shop.git(library, "commit", "-q", "-m", "dearer")
    assert of(project).working_tree().name.endswith("-dirty")


def test_a_repository_within_that_is_no_submodule_is_refused(project: Path) -> None:
    shop.repository(project / "theirs")
    with pytest.raises(CommandError, match=r"there is a repository within .* that is no submodule .*theirs.*ignore"):
        of(project).working_tree()
    (project / ".gitignore").write_text("theirs/\n")
    assert of(project).working_tree()


def test_nobodys_hooks_are_run(project: Path) -> None:
    hook = project / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ntouch "$(git rev-parse --git-common-dir)/it ran"\n')
    hook.chmod(0o755)
    of(project).git("worktree", "add", "--detach", str(project.parent / "tree"), "main")
    assert not (project / ".git" / "it ran").exists()


def test_without_git_it_is_said(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="no git on the PATH"):
        of(project)
