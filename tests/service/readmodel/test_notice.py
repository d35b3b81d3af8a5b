"""What the database says on its channel, put together again."""

from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_service.errors import NoticeError
from tailgate_service.store.readmodel.notice import Change, Mark, Reader

WORKSPACE = UUID("0196a94d-04d1-7dc0-82e3-625b1ced8780")
ABOUT = f"7 {WORKSPACE} card 4930"


def test_a_document_that_is_gone_or_too_large_has_no_body():
    gone, large = Reader().read(f"{ABOUT} gone"), Reader().read(f"{ABOUT} large")
    assert gone == Change(number=7, workspace=WORKSPACE, kind="card", key="4930")
    assert large == Change(number=7, workspace=WORKSPACE, kind="card", key="4930", large=True)


def test_a_word_by_itself_is_a_mark():
    assert Reader().read("12345") == Mark(word="12345")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=50), st.integers(1, 9))
def test_a_document_in_parts_comes_whole_with_its_last_part(text, size):
    document = orjson.dumps({"body": text}).decode()
    pieces = [document[start : start + size] for start in range(0, len(document), size)]
    reader = Reader()
    *early, last = [
        reader.read(f"{ABOUT} {number}/{len(pieces)} {piece}") for number, piece in enumerate(pieces, start=1)
    ]
    assert early == [None] * (len(pieces) - 1)
    assert last.body == document.encode()


def test_a_document_is_written_as_the_service_writes_it():
    assert Reader().read(f'{ABOUT} 1/1 {{"a": 1.50, "b":"\\u00e4"}}').body == '{"a":1.5,"b":"ä"}'.encode()


def test_a_document_that_cannot_be_read_is_as_one_that_is_too_large():
    assert Reader().read(f"{ABOUT} 1/1 {{").large


@pytest.mark.parametrize(
    "payload",
    ["a b", f"{ABOUT}", f"{ABOUT} 2/2 x", f"x {WORKSPACE} card 1 gone", "1 2 card 1 gone", f"7 {WORKSPACE} x 1 gone"],
)
def test_what_is_none_of_ours_is_an_error(payload):
    with pytest.raises(NoticeError):
        Reader().read(payload)


def test_parts_of_two_documents_do_not_make_one():
    reader = Reader()
    reader.read(f"{ABOUT} 1/2 [")
    with pytest.raises(NoticeError, match="out of turn"):
        reader.read(f"8 {WORKSPACE} card 4930 2/2 ]")
