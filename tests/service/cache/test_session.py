"""What one session believes: as much as it heard, and nothing that came back in another order makes it believe more."""

import time
import uuid

import pytest
from tailgate_service.cache import session as session_module
from tailgate_service.cache.entry import Entry
from tailgate_service.cache.session import LEASE, Session

HERE, THERE = uuid.uuid4(), uuid.uuid4()


def entry(*, session: int = 5, revision: int = 6, left: float = 60) -> Entry:
    return Entry(session=session, revision=revision, until=int(time.time() + left), body=b"x")


@pytest.fixture
def session() -> Session:
    made = Session()
    # Far enough ahead that no machine is too slow for it.
    made.begin(number=5, life="first", asked=time.monotonic() + 3600)
    return made


@pytest.mark.row("C4")
def test_it_believes_what_was_read_since_it_began_and_is_neither_outdated_nor_over(session):
    assert session.believes(HERE, entry())
    assert not session.believes(HERE, entry(session=4))
    assert not session.believes(HERE, entry(left=-2))
    session.changed(HERE, 7)
    assert not session.believes(HERE, entry())
    assert session.believes(HERE, entry(revision=7))
    assert session.believes(THERE, entry())


def test_of_two_changes_the_later_counts_in_whatever_order_they_are_heard(session):
    for revision in (7, 6):
        session.changed(HERE, revision)
        session.told(HERE, revision, 1)
    assert not session.admits(HERE, 6)
    assert session.all_know(HERE, 7, {1})


def test_all_know_when_each_has_said_so(session):
    session.told(HERE, 7, 1)
    session.told(HERE, 6, 2)
    assert session.all_know(HERE, 6, {1, 2})
    assert not session.all_know(HERE, 7, {1, 2})
    assert not session.all_know(HERE, 7, {1, 3})
    assert not session.all_know(THERE, 7, {1})


def test_what_others_said_is_bounded_and_what_was_said_last_is_known(session, monkeypatch):
    monkeypatch.setattr(session_module, "_MAX_TOLD", 2)
    workspaces = [HERE, uuid.uuid4(), uuid.uuid4()]
    for workspace in workspaces:
        session.told(workspace, 7, 1)
    assert [session.all_know(workspace, 7, {1}) for workspace in workspaces] == [False, True, True]


@pytest.mark.row("C4")
def test_before_it_has_begun_and_when_its_lease_is_over_it_believes_nothing(session):
    assert not Session().believes(HERE, entry(session=0))
    session.asked = time.monotonic() - LEASE
    assert not session.hears
    assert not session.believes(HERE, entry())
