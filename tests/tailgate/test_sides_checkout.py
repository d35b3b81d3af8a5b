"""One checkout of a commit, however many want it at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tailgate.errors import CommandError
from tailgate.sides.checkout import Checkout
from tailgate.sides.repository import Repository
from tests.tailgate import shop


def test_who_comes_while_it_is_built_waits_for_it(tmp_path: Path) -> None:
    project = shop.repository(tmp_path / "shop")
    cache = tmp_path / "cache"
    cache.mkdir()
    builds: list[bool] = []

    def build() -> None:
        time.sleep(0.2)  # that the others have come by then is likely, and if not, nothing fails
        builds.append(True)

    def take(_: int) -> bool:
        repository = Repository(project, "--base")
        checkout = Checkout(repository, repository.revision("main").commit, cache, "--base")
        with ExitStack() as held:
            made = checkout.take(held, lambda: "build", build)
            assert (checkout.directory / "shop.pl").exists()
            assert len(builds) == 1
            return made

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(take, range(4))) == [False, False, False, True]


def test_another_build_of_the_same_commit_begins_with_its_files_alone(tmp_path: Path) -> None:
    project = shop.repository(tmp_path / "shop")
    repository = Repository(project, "--base")
    checkout = Checkout(repository, repository.revision("main").commit, tmp_path, "--base")
    for recipe in ("cp shop.pl one", "cp shop.pl two"):
        with ExitStack() as held:
            assert checkout.take(held, lambda: recipe, (checkout.directory / recipe[-3:]).touch)  # noqa: B023
    assert {path.name for path in checkout.directory.iterdir()} == {
        ".git",
        ".gitignore",
        "shop.pl",
        "tailgate.yaml",
        "two",
    }


def test_a_checkout_that_was_removed_by_hand_is_made_again(tmp_path: Path) -> None:
    project = shop.repository(tmp_path / "shop")
    repository = Repository(project, "--base")
    checkout = Checkout(repository, repository.revision("main").commit, tmp_path, "--base")
    for _ in range(2):
        with ExitStack() as held:
            assert checkout.take(held, lambda: None, lambda: None)
        for path in sorted(checkout.directory.rglob("*"), reverse=True):
            path.unlink()
        (checkout.directory / ".git").unlink(missing_ok=True)
        checkout.directory.rmdir()


def test_submodules_are_checked_out_as_they_are_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = shop.repository(tmp_path / "shop")
    library = shop.with_submodule(project)
    cache = tmp_path / "cache"
    cache.mkdir()
    repository = Repository(project, "--base")

    def take() -> Path:
        checkout = Checkout(repository, repository.working_tree().commit, cache, "--base")
        with ExitStack() as held:
            checkout.take(held, lambda: None, lambda: None)
        return checkout.directory

    with pytest.raises(CommandError, match=r"the submodules of .* cannot be had: .*'file' not allowed"):
        take()
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    assert (take() / "lib of ours" / "list.txt").read_text() == "prices"
    (library / "list.txt").write_text("dearer")
    shop.git(library, "commit", "-q", "-a", "-m", "dearer")
    with pytest.raises(CommandError, match=r"--base: the submodules of .* cannot be had: .*; push their commits"):
        take()
    shop.git(library, "push", "-q", "origin", "HEAD:refs/heads/dearer")
    assert (take() / "lib of ours" / "list.txt").read_text() == "dearer"
