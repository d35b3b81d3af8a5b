"""The spans made of a request's record when its trace is kept."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.status import Status, StatusCode

from tailgate_otel import names, scrub
from tailgate_otel.account import Account
from tailgate_otel.call import KINDS, QUERY, TRANSACTION, WAIT, Call
from tailgate_otel.record import Record
from tailgate_otel.repetition import rows_before
from tailgate_otel.request_span import RequestSpan, Told
from tailgate_otel.scrub import CleanSpan

_SCOPE = InstrumentationScope("tailgate_otel")
_SYSTEM = "postgresql"
# Below this a wait for a connection is the pool's own work, not waiting.
_WAIT_WORTH_A_SPAN = 1_000_000  # ns
_POOL_WAIT = "pool wait"
_MAX_PATH = 1024
_NOTHING_TOLD = Told()


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
    endpoint: Any
    growth: Mapping[str, float | None]


def spans(
    record: Record,
    account: Account,
    request: RequestSpan,
    answer: Answer,
    nested: Sequence[ReadableSpan],
    resource: Resource,
    random: Random,
) -> list[CleanSpan]:
    """The server span first; a span per query and transaction command, and the waits for a connection; what is nested.

    Statements carry no data, errors their class and SQLSTATE only: messages and details hold customers' data.

    Args:
        record: what was measured.
        account: what that came to.
        request: the server span as the application knew it.
        answer: what became of the request.
        nested: the spans that the application made and ended in it.
        resource: of every one of them.
        random: where the ids of queries come from.

    """
    trace_id, parent = request.trace_id, request.parent
    server = scrub.kept(trace_id, request.span_id, parent)
    begun = record.started_at

    def at(moment: int) -> int:
        return begun + moment - record.started

    told = request.said() or _NOTHING_TOLD
    failed = answer.status >= 500 or answer.error is not None
    status = StatusCode.ERROR if failed else StatusCode.UNSET
    made = [
        _span(
            name=told.name or f"{answer.method} {answer.route}",
            context=server,
            parent=parent,
            kind=SpanKind.SERVER,
            attributes=scrub.attributes(
                told.attributes, told.attributes_dropped, _server_attributes(record, account, request, answer)
            ),
            status=status if told.status is StatusCode.UNSET else told.status,
            resource=resource,
            start=at(record.started),
            end=at(record.ended),
            events=scrub.events(told.events, told.events_dropped),
            links=scrub.links(told.links, told.links_dropped),
            scope=told.scope or _SCOPE,
        )
    ]
    made += [
        _span(
            name=_POOL_WAIT if call.kind == WAIT else call.statement.operation,
            context=scrub.kept(trace_id, random.getrandbits(64) or 1, parent),
            parent=scrub.kept(trace_id, call.parent, parent) if call.parent else server,
            kind=SpanKind.INTERNAL if call.kind == WAIT else SpanKind.CLIENT,
            attributes=_call_attributes(call),
            status=StatusCode.UNSET if call.error is None else StatusCode.ERROR,
            resource=resource,
            start=at(call.started),
            end=at(min(call.ended or record.ended, record.ended)),
        )
        for call in _worth_a_span(record.calls)
    ]
    made += [scrub.clean(span) for span in nested]
    return made


def _worth_a_span(calls: Iterable[Call]) -> Iterable[Call]:
    for call in calls:
        if call.kind in {QUERY, TRANSACTION} or (
            call.kind == WAIT and (call.ended or call.started) - call.started >= _WAIT_WORTH_A_SPAN
        ):
            yield call


def _span(
    *,
    name: str,
    context: SpanContext,
    parent: SpanContext | None,
    kind: SpanKind,
    attributes: Mapping[str, Any],
    status: StatusCode,
    resource: Resource,
    start: int,
    end: int,
    events: Sequence[Event] = (),
    links: Sequence[Link] = (),
    scope: InstrumentationScope = _SCOPE,
) -> CleanSpan:
    return CleanSpan(
        name=name,
        context=context,
        parent=parent,
        kind=kind,
        attributes=attributes,
        events=events,
        links=links,
        status=Status(status),
        resource=resource,
        instrumentation_scope=scope,
        start_time=start,
        end_time=end,
    )


def _server_attributes(record: Record, account: Account, request: RequestSpan, answer: Answer) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        names.ATTR_METHOD: answer.method,
        names.ATTR_ROUTE: answer.route,
        names.ATTR_PATH: scrub.text(answer.path, _MAX_PATH),
        names.ATTR_SCHEME: answer.scheme,
        names.ATTR_STATUS: answer.status,
        names.ATTR_KEPT_REASON: answer.reason,
        names.ATTR_HEAD_SAMPLED: request.sampled,
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
    missing = record.calls_dropped + request.spans_dropped
    if missing:
        attributes[names.ATTR_SPANS_DROPPED] = missing
    for text, seen in record.n_plus_one[:1]:
        attributes[names.ATTR_N_PLUS_ONE] = text
        attributes[names.ATTR_N_PLUS_ONE_COUNT] = seen.count
        attributes[names.ATTR_N_PLUS_ONE_TIME] = seen.total / 1e9
        attributes[names.ATTR_N_PLUS_ONE_SITE] = seen.site or _definition(answer.endpoint)
        attributes[names.ATTR_N_PLUS_ONE_ROWS] = rows_before(record.calls, text)[0]
        growth = answer.growth.get(text)
        if growth is not None:
            attributes[names.ATTR_N_PLUS_ONE_GROWTH] = growth
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
    if call.site:
        path, _, line = call.site.rpartition(":")
        attributes[names.ATTR_CODE_FILE] = path
        attributes[names.ATTR_CODE_LINE] = int(line)
    if call.error is not None:
        state = getattr(call.error, "sqlstate", None)
        attributes[names.ATTR_ERROR_TYPE] = state or type(call.error).__qualname__
        if state:
            attributes[names.ATTR_DB_STATUS] = state
        constraint = getattr(call.error, "constraint_name", None)
        if constraint:
            attributes[names.ATTR_DB_CONSTRAINT] = constraint
    return attributes
