"""A record against a model of it: whatever runs at once, ends late or is put away, counts and times are of all."""

import io
from dataclasses import dataclass, field
from unittest.mock import patch

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_otel import Config, record, recording
from tailgate_otel.account import add_up
from tailgate_otel.call import ENDED, KIND, QUERY, RESET, STEP, WAIT, WIDTH, Rows
from tailgate_otel.guard import Guard
from tailgate_otel.meters import Meters
from tailgate_otel.record import MAX_CALLS, Record

TEXTS = ("select 1", "select 2", "begin", "update t set x = 1", "reset all")
KINDS = (QUERY, QUERY | STEP, RESET, WAIT)


@dataclass
class Clock:
    now: int = 1000

    def __call__(self) -> int:
        return self.now


@dataclass
class Model:
    """What happens to a record, and a plain list of it."""

    clock: Clock
    record: Record
    calls: list[list] = field(default_factory=list)
    places: list[tuple[Rows, int]] = field(default_factory=list)

    def begin(self, text: str, kind: int) -> None:
        rows = self.record.waits if kind == WAIT else self.record.rows
        self.places.append((rows, len(rows)))
        rows.extend((text, kind, self.clock.now, 0, 0))
        self.calls.append([text, kind, self.clock.now, 0])

    def end(self, index: int) -> None:
        rows, at = self.places[index]
        self.calls[index][3] = rows[at + ENDED] = self.clock.now
        if rows[at + KIND] != WAIT and len(rows) >= self.record.watched:
            self.record.watch(rows, at)

    def covered(self, *, waits: bool, queries: bool) -> int:
        wanted = [call for call in self.calls if (waits if call[1] == WAIT else queries)]
        moments = {moment for _, _, began, ended in wanted for moment in range(began, ended or self.clock.now)}
        return len(moments)


steps = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.one_of(
            st.tuples(st.sampled_from(TEXTS), st.sampled_from(KINDS)),
            st.integers(0, 30),
        ),
    ),
    max_size=60,
)


def played(steps, meters: Meters | None = None) -> Model:
    clock = Clock()
    with patch.object(record, "perf_counter_ns", clock):
        model = Model(clock, Record(Guard(), meters, repeat_limit=2))
        for pause, step in steps:
            clock.now += pause
            if isinstance(step, tuple):
                model.begin(*step)
            else:
                running = [index for index, call in enumerate(model.calls) if not call[3]]
                if running:
                    model.end(running[step % len(running)])
        clock.now += 1
        model.record.close()
    assert model.record.guard.failures == 0
    return model


@pytest.mark.parametrize("remembered", [3, MAX_CALLS])
@given(steps=steps)
def test_counts_and_times_are_those_of_every_call(remembered, steps):
    with patch.object(record, "MAX_CALLS", remembered):
        model = played(steps)
        account = model.record.account
        shown, dropped = model.record.calls, model.record.calls_dropped
    kinds = [call[1] for call in model.calls]
    assert account.queries == kinds.count(QUERY) + kinds.count(QUERY | STEP) - begins_of(model)
    assert account.transactions == begins_of(model)
    assert account.resets == kinds.count(RESET)
    assert account.pool_waits == kinds.count(WAIT)
    assert account.database == model.covered(waits=False, queries=True)
    assert account.pool == model.covered(waits=True, queries=False)
    assert account.outside == model.covered(waits=True, queries=True)
    assert len(shown) + dropped == len(model.calls)
    assert len(shown) <= remembered


def begins_of(model: Model) -> int:
    return sum(call[0] == "begin" and call[1] & ~STEP == QUERY for call in model.calls)


@pytest.mark.parametrize("remembered", [3, MAX_CALLS])
@given(steps=steps)
def test_what_metrics_are_made_of_says_the_same_and_tells_of_each_call_once(remembered, steps):
    meters = Meters(Config(service_name="x"), Guard())
    with patch.object(record, "MAX_CALLS", remembered):
        model = played(steps, meters)
        queries, database = model.record.add_up(meters)
    meters.count()
    account = model.record.account
    assert (queries, database) == (account.queries, account.database)
    ended = [call for call in model.calls if call[3]]
    assert _counted(meters.operations) == sum(call[1] not in {RESET, WAIT} for call in ended)
    assert _counted(meters.pool_wait) == sum(call[1] == WAIT for call in ended)


@given(steps=steps)
def test_a_text_seen_before_counts_as_one_never_seen(steps):
    meters = Meters(Config(service_name="x"), Guard())
    model = played(steps)
    first, second = (add_up(model.record.rows, model.record.waits, model.record.ended, meters) for _ in range(2))
    assert first == second


def _counted(histogram) -> int:
    lines = "".join(histogram.text(openmetrics=False)).splitlines()
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{histogram.name}_count"))


async def test_a_request_of_thousands_of_statements_stays_small(connection):
    with recording() as one:
        for n in range(3 * MAX_CALLS):
            await connection.fetch("select $1::int", n)
            with pytest.raises(asyncpg.UndefinedTableError):
                await connection.copy_from_table("nowhere", output=io.BytesIO())
            assert len(one.rows) <= (MAX_CALLS + 1) * WIDTH
    assert one.queries == 6 * MAX_CALLS
    assert len(one.calls) == MAX_CALLS
    assert one.n_plus_one[0][1].count == 3 * MAX_CALLS
    assert one.guard.failures == 0
