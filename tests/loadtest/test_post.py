"""Reports arrive once each, however badly they are carried."""

import random

from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.engine.post import Inbox, Outbox


@given(st.integers(0, 2**32), st.floats(0, 0.8), st.floats(0, 0.8))
def test_every_report_counts_once_over_a_line_that_drops_doubles_and_reorders(seed, dropped, doubled):
    rng = random.Random(seed)
    outbox, inbox = Outbox(), Inbox()
    counted: list[int] = []
    under_way: list[dict] = []
    now, sent = 0.0, 0
    while sent < 30 or len(outbox):
        now += 1.0
        if sent < 30:
            outbox.put({"value": sent})
            sent += 1
        for report in outbox.due(now):
            under_way += [report] * (rng.random() >= dropped) + [report] * (rng.random() < doubled)
        rng.shuffle(under_way)
        while under_way and rng.random() < 0.7:
            report = under_way.pop()
            if inbox.accept(report["number"]):
                counted.append(report["value"])
            if rng.random() >= dropped:
                outbox.acknowledged(inbox.complete)
    assert sorted(counted) == list(range(30))
    assert inbox.complete == 29


def test_a_report_is_sent_at_once_and_again_only_when_nothing_is_heard_of_it():
    outbox = Outbox()
    outbox.put({"value": "a"})
    assert [report["number"] for report in outbox.due(0.0)] == [0]
    assert list(outbox.due(1.0)) == []
    assert [report["number"] for report in outbox.due(2.5)] == [0]
    outbox.acknowledged(0)
    assert list(outbox.due(10.0)) == []
    assert len(outbox) == 0


def test_an_acknowledgement_covers_only_what_is_there_without_a_gap():
    inbox = Inbox()
    assert inbox.accept(1)
    assert inbox.complete == -1
    assert inbox.accept(0)
    assert inbox.complete == 1
    assert not inbox.accept(1)
    assert not inbox.accept(0)
