"""Figures are kept when it is certain which commit they are of, and by no means otherwise."""

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import figures as figures_module
from benchmarks import revision
from benchmarks.figures import Figure, Raw
from benchmarks.stored import finish, load, store

WHEN = {"commit": "abc1234", "command": "python -m benchmarks.shop", "date": "2026-01-31"}


Begin = Callable[[], Raw]


def figure(name: str = "shop.p95_ms", value: float = 37.5, high: float = 40) -> Figure:
    return Figure(name=name, value=value, low=30, high=high, goal=100)


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
    subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of one file."""
    git(tmp_path, "init", "-q")
    (tmp_path / "docs").mkdir()
    commit(tmp_path, "measured.py")
    return tmp_path


def commit(root: Path, name: str) -> None:
    (root / name).touch()
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", name)


@pytest.fixture
def begin(checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Begins a benchmark of the checkout as it is."""
    monkeypatch.setattr(figures_module, "_RAW", tmp_path_factory.mktemp("raw"))
    monkeypatch.setattr(figures_module, "current", lambda: revision.current(checkout))

    def begin() -> Raw:
        raw = Raw("shop")
        raw.measured("one", lambda: 1)
        return raw

    return begin


def test_what_is_stored_is_read_again_with_where_it_comes_from(tmp_path):
    place = tmp_path / "figures.json"
    store([figure()], place, **WHEN)
    found = load(place)["shop.p95_ms"]
    assert found.figure == figure()
    assert (found.commit, found.command, found.date) == tuple(WHEN.values())
    assert found.machine.cores >= 1
    assert found.machine.memory > 2**20


def test_a_part_of_the_figures_leaves_the_others_as_they_are(tmp_path):
    place = tmp_path / "figures.json"
    store([figure("b"), figure("a")], place, **WHEN)
    store([figure("b", value=1)], place, **{**WHEN, "commit": "def5678"})
    found = load(place)
    assert {name: (one.figure.value, one.commit) for name, one in found.items()} == {
        "a": (37.5, "abc1234"),
        "b": (1, "def5678"),
    }
    assert list(json.loads(place.read_text())) == ["a", "b"]


def test_what_is_no_number_is_stored_as_none_and_meets_no_goal(tmp_path):
    place = tmp_path / "figures.json"
    store([figure(value=math.nan, high=math.inf)], place, **WHEN)
    assert "NaN" not in place.read_text()
    assert not load(place)["shop.p95_ms"].figure.met


def test_nothing_stored_yet_is_nothing(tmp_path):
    assert load(tmp_path / "figures.json") == {}


def test_of_a_clean_checkout_figures_are_stored(checkout, begin, capsys):
    raw, place = begin(), checkout / "docs/figures.json"
    finish(raw, [figure()], place, checkout)
    assert load(place)["shop.p95_ms"].commit == raw.revision.commit
    printed = capsys.readouterr().out
    assert str(figure()) in printed
    assert f"stored in figures.json as of {raw.revision.commit}" in printed


@pytest.mark.parametrize("written", revision.WRITTEN)
def test_what_measuring_writes_is_no_change(checkout, written):
    before = revision.current(checkout)
    (checkout / written).write_text("anything")
    assert revision.current(checkout) == before
    git(checkout, "add", ".")
    assert revision.current(checkout) == before


@pytest.mark.parametrize("changed", ["measured.py", "another file.py", "docs/other.json"])
def test_with_changes_that_are_not_committed_nothing_is_stored(
    checkout, monkeypatch, tmp_path_factory, capsys, changed
):
    (checkout / changed).write_text("changed")
    monkeypatch.setattr(figures_module, "_RAW", tmp_path_factory.mktemp("raw"))
    monkeypatch.setattr(figures_module, "current", lambda: revision.current(checkout))
    raw = Raw("shop")
    raw.measured("one", lambda: 1)
    finish(raw, [figure()], checkout / "docs/figures.json", checkout)
    assert not (checkout / "docs/figures.json").exists()
    assert f"not stored: measured with changes that are not committed, {changed} for one" in capsys.readouterr().out


@pytest.mark.parametrize("how", [commit, lambda root, name: (root / name).touch()], ids=["committed", "not committed"])
def test_of_a_checkout_that_changed_meanwhile_nothing_is_stored(checkout, begin, capsys, how):
    raw = begin()
    how(checkout, "later.py")
    finish(raw, [figure()], checkout / "docs/figures.json", checkout)
    assert not (checkout / "docs/figures.json").exists()
    assert f"not stored: the checkout was {raw.revision} when measuring began" in capsys.readouterr().out


def test_a_later_commit_judges_what_an_earlier_one_recorded_and_records_nothing(checkout, begin):
    earlier = begin()
    for interrupted in (True, False):
        if not interrupted:
            earlier.complete()
        commit(checkout, f"interrupted {interrupted}.py")
        later = Raw("shop", of=earlier.revision.commit)
        assert later.measured("one", lambda: 2) == 1
        with pytest.raises(SystemExit, match="two was not recorded: record it with the checkout at"):
            later.measured("two", lambda: 2)
        later.complete()
        assert later.revision != earlier.revision
    with pytest.raises(SystemExit, match="nothing was recorded so at abc1234"):
        Raw("shop", of="abc1234")


def test_a_recording_that_the_repository_keeps_is_judged_where_nothing_was_recorded(begin, monkeypatch, tmp_path):
    begin()
    (recording,) = figures_module._RAW.iterdir()
    recording.rename(tmp_path / recording.name)
    monkeypatch.setattr(figures_module, "_RECORDED", tmp_path)
    assert Raw("shop", of=figures_module.current().commit).measured("one", lambda: 2) == 1


def test_outside_of_a_checkout_nobody_can_tell_what_was_measured(tmp_path):
    assert revision.current(tmp_path).changed
