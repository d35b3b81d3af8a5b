"""What one request spent its time on, by the spans of its trace: each moment belongs to what ran in it.

A moment belongs to the innermost spans that run in it, in equal parts where several do; waiting for a connection gives
way to whatever else runs. So the parts add up to the request's time, however its queries overlap, and what a query's
parent did meanwhile is not counted twice. What no span but the request's own covers is the application's.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Literal

from tailgate_otel import names
from tailgate_otel.statement import describe

from tailgate_loadtest.run.cleaning import MAX_SPANS, STATEMENTS, SYSTEMS, is_readable, statement
from tailgate_loadtest.run.spans import (
    CLIENT,
    ERROR,
    PRODUCER,
    Json,
    attribute,
    nanoseconds,
    root_of,
    route_of,
    spans_of,
)
from tailgate_loadtest.run.traces import FAIR, is_fair

Kind = Literal["database", "pool", "call", "application"]

_WAIT = "wait"
_QUERY = "query"
_POOLS = re.compile(r"pool|connect|acquire|checkout", re.IGNORECASE)
_DATA_SOURCE = ".getConnection"
"""What instrumentation of Java's calls it, where a pool is no database."""
_FILES = (names.ATTR_CODE_FILE, names.ATTR_CODE_FILE_OLD)
_LINES = (names.ATTR_CODE_LINE, names.ATTR_CODE_LINE_OLD)
_OPERATIONS = (names.ATTR_DB_OPERATION, names.ATTR_DB_OPERATION_OLD)
_COLLECTIONS = (names.ATTR_DB_COLLECTION, names.ATTR_DB_COLLECTION_OLD)
_PEERS = (names.ATTR_SERVER_ADDRESS, names.ATTR_PEER_OLD)
_STATUSES = (names.ATTR_STATUS, names.ATTR_STATUS_OLD)
_FAILED = 500
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Work:
    """Something that requests do again and again: a statement, a call of another service, a part of the application."""

    kind: Kind
    text: str = ""
    """A statement without values, or a name; empty for what no span of its own has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One traced request."""

    route: str
    """As its server span has it."""
    path: str
    method: str
    at: float
    """When it began, seconds since 1970."""
    seconds: float
    failed: bool
    fair: bool
    """It is one of a sample in which each request of its route was as likely as any other."""
    comparable: bool
    """Among requests that took as long, it is one by chance: why it was traced says no more than how long it took."""
    spent: Mapping[Work, float]
    """Seconds; together ``seconds``."""
    ran: Mapping[Work, int]
    """How often each statement was sent."""
    sites: Mapping[Work, str]
    """Where a statement was sent from, ``file:line``, at first."""
    repeated: Work | None
    """The statement of an N+1, by the recorder's word."""
    errors: Mapping[Work, str]
    """How a statement or a call failed: its class or state."""


def request_of(document: Json) -> Request:
    """The request of a kept trace.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is no trace, or a damaged one.
    """
    root = root_of(document)
    spans = [root, *islice((span for span in spans_of(document) if span is not root), MAX_SPANS)]
    works = [_work(span) for span in spans]
    works[0] = Work("application")
    ran, sites, errors = Counter[Work](), dict[Work, str](), dict[Work, str]()
    inner = {span.get("parentSpanId") for span, work in zip(spans, works, strict=True) if work.kind == "database"}
    for span, work in zip(spans[1:], works[1:], strict=True):
        # Where a library and its driver are both traced, it is the driver that sends.
        if _is_query(span, work) and span.get("spanId") not in inner:
            ran[work] += 1
            if site := _site(span):
                sites.setdefault(work, site)
        if work.kind != "application" and (error := _error(span)):
            errors.setdefault(work, error)
    repeated = attribute(root, names.ATTR_N_PLUS_ONE)
    worst = Work("database", str(repeated)) if repeated is not None else None
    if worst is not None and (site := attribute(root, names.ATTR_N_PLUS_ONE_SITE)):
        sites[worst] = _short(str(site))
    begun, ended = _extent(root)
    reason = attribute(root, names.ATTR_KEPT_REASON)
    status = str(attribute(root, *_STATUSES) or "")
    return Request(
        route=route_of(root),
        path=str(attribute(root, names.ATTR_PATH, names.ATTR_TARGET_OLD, names.ATTR_URL_OLD) or ""),
        method=str(attribute(root, names.ATTR_METHOD, names.ATTR_METHOD_OLD) or "").upper(),
        at=begun / 1e9,
        seconds=(ended - begun) / 1e9,
        failed=int(status) >= _FAILED if status.isdecimal() else root.get("status", {}).get("code") == ERROR,
        fair=document.get(FAIR) is True,
        comparable=is_fair(root) or reason == names.KEPT_SLOW,
        spent=_spent(spans, works),
        ran=ran,
        sites=sites,
        repeated=worst,
        errors=errors,
    )


def _work(span: Json) -> Work:
    kind, system = attribute(span, names.ATTR_CALL_KIND), attribute(span, *SYSTEMS)
    text, name = attribute(span, *STATEMENTS), str(span.get("name", ""))
    if kind == _WAIT:
        return Work("pool")
    if text:
        cleaned = str(text) if kind is not None else statement(str(text), system)
        return Work("database", cleaned if is_readable(system) else _named(span, cleaned, system))
    if system is not None:
        operation = attribute(span, *_OPERATIONS)
        if operation is None and _POOLS.search(name):
            return Work("pool")
        return Work("database", _named(span, str(operation or name), system))
    if name.endswith(_DATA_SOURCE):
        return Work("pool")
    if span.get("kind") in (CLIENT, PRODUCER):
        peer = attribute(span, *_PEERS)
        return Work("call", f"{name} to {peer}" if peer else name)
    return Work("application", name)


def _named(span: Json, operation: str, system: object) -> str:
    """What a database was asked that does not say its statement, or whose statements nobody can read here."""
    collection = attribute(span, *_COLLECTIONS)
    return " ".join(str(each) for each in (system, operation, collection) if each)


def _is_query(span: Json, work: Work) -> bool:
    if work.kind != "database":
        return False
    kind = attribute(span, names.ATTR_CALL_KIND)
    return kind == _QUERY if kind is not None else not describe(work.text).controls_transaction


def _site(span: Json) -> str:
    path, line = attribute(span, *_FILES), attribute(span, *_LINES)
    return _short(f"{path}:{line}") if path and line is not None else ""


def _short(site: str) -> str:
    """``file:line`` without the file's directories, of whatever system."""
    return _word(PurePosixPath(site.replace("\\", "/")).name)


def _word(text: str) -> str:
    """What a service says of itself, in one line that ends."""
    return " ".join(text.split())[:_LONGEST]


def _error(span: Json) -> str:
    said = attribute(span, names.ATTR_DB_STATUS, names.ATTR_ERROR_TYPE)
    return _word(str(said)) if said is not None else "an error" if span.get("status", {}).get("code") == ERROR else ""


def _extent(span: Json) -> tuple[int, int]:
    begun = nanoseconds(span, "startTimeUnixNano")
    return begun, max(nanoseconds(span, "endTimeUnixNano"), begun)


def _spent(spans: list[Json], works: list[Work]) -> dict[Work, float]:
    """Nanoseconds of the first span's time, the request's own, given to what ran in them; in seconds."""
    spent: defaultdict[Work, float] = defaultdict(float)
    for length, running in _moments(spans):
        at_work = [works[number] for number in running]
        busy = [work for work in at_work if work.kind != "pool"] or at_work
        for work in busy:
            spent[work] += length / len(busy) / 1e9
    return dict(spent)


def _moments(spans: list[Json]) -> Iterator[tuple[int, list[int]]]:
    """How long which innermost spans ran, again and again, from the beginning of the first to its end."""
    numbers = {span.get("spanId"): number for number, span in enumerate(spans)}
    begun, ended = _extent(spans[0])
    changes: list[tuple[int, bool, int]] = []
    for number, span in enumerate(spans[1:], 1):
        start, end = _extent(span)
        if (start := max(start, begun)) < (end := min(end, ended)):
            changes += [(start, True, number), (end, False, number)]
    # What ends goes before what begins at the same moment.
    changes.sort()
    parents = [numbers.get(span.get("parentSpanId"), 0) for span in spans]
    within = [0] * len(spans)
    running: dict[int, None] = {}
    at = begun
    for moment, begins, number in [*changes, (ended, False, 0)]:
        if moment > at:
            # Spans that are each other's parents leave nobody: then it is the request.
            yield moment - at, [each for each in running if not within[each]] or [0]
            at = moment
        within[parents[number]] += 1 if begins else -1
        if begins:
            running[number] = None
        else:
            running.pop(number, None)
