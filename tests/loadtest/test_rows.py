"""Rows of a file: dealt once each, again and again, or at random; what is wrong with a file is said by its place."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.errors import FeedError
from tailgate_loadtest.shapes.rows import Rows


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users.csv"
    path.write_text('\ufeffname,password\nAda,"a,b"\nBob,\n\nCarol,x\n', encoding="utf-8")
    return path


def test_each_row_is_dealt_once_and_then_there_is_none(users):
    rows = Rows(users, "unique")
    assert rows.deal(2) == [{"name": "Ada", "password": "a,b"}, {"name": "Bob", "password": ""}]
    assert [row["name"] for row in rows.deal(5)] == ["Carol"]
    assert rows.deal(1) == []


def test_rows_may_be_dealt_again_and_again(users):
    assert "".join(row["name"][0] for row in Rows(users, "cycle").deal(7)) == "ABCABCA"


def test_rows_at_random_are_the_same_for_a_seed(users):
    dealt = Rows(users, "random", seed=3).deal(300)
    assert dealt == Rows(users, "random", seed=3).deal(300)
    assert dealt != Rows(users, "random", seed=4).deal(300)
    assert all(70 < count < 130 for count in Counter(row["name"] for row in dealt).values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1: must name each column"),
        ("name,\nAda,1\n", ":1: must name each column"),
        ("name,name\nAda,1\n", ":1: must name each column"),
        ("name,password\n", "no row"),
        ("name,password\n\n\n", "no row"),
        ("name,password\nAda\n", ":2: has 1 fields where the head has 2"),
        ('name\n"Ada\n', "is no CSV"),
    ],
)
def test_a_file_with_nothing_to_deal_is_refused_by_its_place(tmp_path, text, said):
    path = tmp_path / "users.csv"
    path.write_text(text)
    with pytest.raises(FeedError, match=said):
        Rows(path, "unique").deal(10)


def test_a_damaged_row_is_named_when_it_is_reached(tmp_path):
    path = tmp_path / "users.csv"
    path.write_text("name,password\nAda,1\nBob,2\nCarol\n")
    rows = Rows(path, "unique")
    assert len(rows.deal(2)) == 2
    with pytest.raises(FeedError, match=r"users\.csv:4: has 1 fields"):
        rows.deal(1)


def test_a_missing_file_and_one_that_is_no_text_are_refused(tmp_path):
    with pytest.raises(FeedError, match="No such file"):
        Rows(tmp_path / "none.csv", "unique")
    path = tmp_path / "users.csv"
    path.write_bytes(b"name\n\xff\xfe\n")
    with pytest.raises(FeedError, match="not UTF-8"):
        Rows(path, "unique")


@given(rows=st.integers(1, 60), counts=st.lists(st.integers(1, 20), min_size=1, max_size=30))
def test_however_they_are_asked_for_no_row_is_dealt_twice_and_none_is_left_out(tmp_path_factory, rows, counts):
    path = tmp_path_factory.mktemp("feed") / "users.csv"
    path.write_text("n\n" + "".join(f"{n}\n" for n in range(rows)))
    feed = Rows(path, "unique")
    dealt = [int(row["n"]) for count in counts for row in feed.deal(count)]
    assert dealt == list(range(min(rows, sum(counts))))
