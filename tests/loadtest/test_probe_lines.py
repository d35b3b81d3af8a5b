"""What a probe writes is read again as it was, and what is damaged or breaks off is no probe."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.measure.probe import PHASES, Account, Answered, BrokenOff, line, parse
from tailgate_loadtest.run.probe import read

COUNTS = st.none() | st.integers(0, 10**9)
TEXTS = st.none() | st.text(max_size=20)
ANSWERED = st.builds(
    Answered,
    phase=st.sampled_from(PHASES),
    iteration=st.integers(0, 999),
    persona=st.text(max_size=9),
    route=st.text(max_size=20),
    status=COUNTS,
    error=TEXTS,
    wire=COUNTS,
    body=COUNTS,
    encoding=TEXTS,
    queries=COUNTS,
    round_trips=COUNTS,
)
BROKEN = st.builds(
    BrokenOff,
    phase=st.sampled_from(PHASES),
    iteration=st.integers(0, 999),
    persona=st.text(max_size=9),
    broken_off=st.text(max_size=20),
)
GOOD = Answered(phase="cold", iteration=0, persona="Ada", route="GET /a", status=200)
END = Account(iterations=1, cut_short=None)


@given(
    st.lists(ANSWERED),
    st.lists(BROKEN),
    st.builds(Account, iterations=st.integers(0, 999), cut_short=TEXTS, curtailed=TEXTS),
)
def test_a_probe_comes_back_from_its_lines(answers, broken, account):
    found = parse([line(each) for each in (*answers, *broken, account)], "x")
    assert (list(found.answers), list(found.broken), found.account) == (answers, broken, account)


@pytest.mark.parametrize(
    "changed",
    [
        *({"phase": "tepid"}, {"iteration": -1}, {"iteration": True}, {"status": "200"}, {"queries": 1.5}),
        *({"route": None}, {"error": 3}, {"wire": -1}, {"persona": 1}, {"more": 1}),
    ],
    ids=str,
)
def test_a_line_of_another_kind_is_named(changed):
    lines = [line(GOOD), json.dumps({**json.loads(line(GOOD)), **changed}), line(END)]
    with pytest.raises(BundleError, match="x: line 2 is no line of a probe"):
        parse(lines, "x")


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", "{", "NaN", '{"iterations": "1", "cut_short": null}', "[" * 99999]
)
def test_what_is_no_line_is_named(text):
    with pytest.raises(BundleError, match="line 1 is no line of a probe"):
        parse([text], "x")


def test_a_file_without_an_end_is_no_probe(tmp_path):
    path = tmp_path / "base.jsonl"
    path.write_text(line(GOOD))
    with pytest.raises(BundleError, match="breaks off before its end"):
        read(path)


def test_nothing_comes_after_the_end():
    with pytest.raises(BundleError, match="line 2 comes after the end"):
        parse([line(END), line(GOOD)], "x")


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path):
    with pytest.raises(BundleError, match="cannot be read: No such file"):
        read(tmp_path / "base.jsonl")
    (tmp_path / "base.jsonl").write_bytes(b"\xff\xfe\n")
    with pytest.raises(BundleError, match="is no text"):
        read(tmp_path / "base.jsonl")


def test_an_end_that_does_not_tell_of_less_is_that_of_all_that_was_asked_for():
    lines = [line(GOOD), '{"iterations": 1, "cut_short": null}\n']
    assert parse(lines, "x").account == END
