"""A request's place in its trace, and the spans made of its record when the trace is kept."""

import inspect
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.status import Status, StatusCode

from tailgate_otel import names
from tailgate_otel.call import KINDS, QUERY, TRANSACTION, WAIT, Call
from tailgate_otel.record import Record

_PROPAGATOR = TraceContextTextMapPropagator()
_SCOPE = InstrumentationScope("tailgate_otel")
_KEPT = TraceFlags(TraceFlags.SAMPLED)
_SYSTEM = "postgresql"
# Below this a wait for a connection is the pool's own work, not waiting.
_WAIT_WORTH_A_SPAN = 1_000_000  # ns
_POOL_WAIT = "pool wait"
_MAX_PATH = 1024


class Place(NamedTuple):
    """The ids of a request's server span, and its parent if the caller named one."""

    trace_id: int
    span_id: int
    parent: SpanContext | None


def place(parents: Mapping[str, str], random: Random) -> Place:
    """A new place, below the ``traceparent`` of the caller if there is a valid one."""
    span_id = random.getrandbits(64) or 1  # 0 is no valid id
    if parents:
        parent = get_current_span(_PROPAGATOR.extract(parents)).get_span_context()
        if parent.is_valid:
            return Place(parent.trace_id, span_id, parent)
    return Place(random.getrandbits(128) or 1, span_id, None)


class RequestSpan(NonRecordingSpan):
    """The current span for code that uses the OpenTelemetry API; its context is made when somebody asks."""

    def __init__(self, where: Place, sampled: bool) -> None:
        self._where = where
        self._sampled = sampled

    def get_span_context(self) -> SpanContext:
        """The ids of the request's server span, with the decision taken at its head."""
        flags = TraceFlags(TraceFlags.SAMPLED if self._sampled else TraceFlags.DEFAULT)
        return SpanContext(self._where.trace_id, self._where.span_id, is_remote=False, trace_flags=flags)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a request, beside its record."""

    method: str
    route: str
    path: str
    scheme: str
    user_agent: str
    status: int
    error: BaseException | None
    reason: str
    sampled: bool
    endpoint: Any


def spans(record: Record, where: Place, answer: Answer, resource: Resource) -> list[ReadableSpan]:
    """The server span, one span per query and transaction command, and the waits for a connection.

    Statements carry no data, errors their class and SQLSTATE only: messages and details hold customers' data.
    """
    from types import SimpleNamespace as N
    where=N(trace_id=where[0],span_id=where[1].span_id,parent=where[2])
    server = SpanContext(where.trace_id, where.span_id, is_remote=False, trace_flags=_KEPT)
    failed = answer.status >= 500 or answer.error is not None
    made = [
        _span(
            name=f"{answer.method} {answer.route}",
            context=server,
            parent=where.parent,
            kind=SpanKind.SERVER,
            attributes=_server_attributes(record, answer),
            failed=failed,
            resource=resource,
            start=record.started_at,
            end=record.started_at + record.ended - record.started,
        )
    ]
    made += [
        _span(
            name=call.statement.operation if call.kind!=WAIT else _POOL_WAIT,
            context=SpanContext(where.trace_id, _span_id(), is_remote=False, trace_flags=_KEPT),
            parent=server,
            kind=SpanKind.CLIENT if call.kind!=WAIT else SpanKind.INTERNAL,
            attributes=_call_attributes(call),
            failed=call.error is not None,
            resource=resource,
            start=record.started_at + call.started - record.started,
            end=record.started_at + (call.ended or record.ended) - record.started,
        )
        for call in _worth_a_span(record.calls)
    ]
    return made


def _worth_a_span(calls: Iterable[Call]) -> Iterable[Call]:
    for call in calls:
        if call.kind in {QUERY, TRANSACTION} or (
            call.kind is WAIT and (call.ended or call.started) - call.started >= _WAIT_WORTH_A_SPAN
        ):
            yield call


def _span(
    *,
    name: str,
    context: SpanContext,
    parent: SpanContext | None,
    kind: SpanKind,
    attributes: dict[str, Any],
    failed: bool,
    resource: Resource,
    start: int,
    end: int,
) -> ReadableSpan:
    return ReadableSpan(
        name=name,
        context=context,
        parent=parent,
        kind=kind,
        attributes=attributes,
        status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
        resource=resource,
        instrumentation_scope=_SCOPE,
        start_time=start,
        end_time=end,
    )


def _span_id() -> int:
    return int.from_bytes(os.urandom(8), "big") | 1


def _server_attributes(record: Record, answer: Answer) -> dict[str, Any]:
    account=record.account
    attributes: dict[str, Any] = {
        names.ATTR_METHOD: answer.method,
        names.ATTR_ROUTE: answer.route,
        names.ATTR_PATH: answer.path[:_MAX_PATH],
        names.ATTR_SCHEME: answer.scheme,
        names.ATTR_STATUS: answer.status,
        names.ATTR_KEPT_REASON: answer.reason,
        names.ATTR_HEAD_SAMPLED: answer.sampled,
        names.ATTR_QUERIES: account.queries,
        names.ATTR_ROUND_TRIPS: account.round_trips,
        names.ATTR_TRANSACTIONS: account.transactions,
        names.ATTR_RESETS: account.resets,
        names.ATTR_INTROSPECTIONS: account.introspections,
        names.ATTR_DB_TIME: account.database / 1e9,
        names.ATTR_POOL_WAIT: account.pool / 1e9,
    }
    if answer.user_agent:
        attributes[names.ATTR_USER_AGENT] = answer.user_agent[:_MAX_PATH]
    if answer.error is not None:
        attributes[names.ATTR_ERROR_TYPE] = type(answer.error).__qualname__
    elif answer.status >= 500:
        attributes[names.ATTR_ERROR_TYPE] = str(answer.status)
    for text, seen in record.n_plus_one[:1]:
        attributes[names.ATTR_N_PLUS_ONE] = text
        attributes[names.ATTR_N_PLUS_ONE_COUNT] = seen.count
        attributes[names.ATTR_N_PLUS_ONE_TIME] = seen.total / 1e9
        attributes[names.ATTR_N_PLUS_ONE_SITE] = seen.site or _definition(answer.endpoint)
    return attributes


def _definition(endpoint: Any) -> str:
    """``file:line`` of the endpoint, the nearest place known when tasks ran nothing but the driver."""
    code = getattr(inspect.unwrap(endpoint) if endpoint is not None else None, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else ""


def _call_attributes(call: Call) -> dict[str, Any]:
    attributes: dict[str, Any] = {names.ATTR_CALL_KIND: KINDS[call.kind]}
    if call.kind != WAIT:
        attributes[names.ATTR_DB_SYSTEM] = _SYSTEM
        attributes[names.ATTR_DB_OPERATION] = call.statement.operation
        attributes[names.ATTR_DB_QUERY] = call.statement.text
    if call.error is not None:
        state = getattr(call.error, "sqlstate", None)
        attributes[names.ATTR_ERROR_TYPE] = state or type(call.error).__qualname__
        if state:
            attributes[names.ATTR_DB_STATUS] = state
        constraint = getattr(call.error, "constraint_name", None)
        if constraint:
            attributes[names.ATTR_DB_CONSTRAINT] = constraint
    return attributes
