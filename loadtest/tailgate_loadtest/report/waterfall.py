"""Kept traces: which of them is worth a look, and its spans as the rows of a waterfall."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from tailgate_otel import names

from tailgate_loadtest.errors import ANEW, BundleError
from tailgate_loadtest.report import show
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.cleaning import STATEMENTS
from tailgate_loadtest.run.document import RunDocument
from tailgate_loadtest.run.spans import ERROR, attribute, nanoseconds, root_of, route_of, seconds, spans_of

MAX_ROWS = 60
MAX_OTHERS = 9
_MAX_STATEMENT = 2000

_REASONS = {
    names.KEPT_ERROR: "it failed",
    names.KEPT_SLOW: "slower than its route's objective",
    names.KEPT_BUDGET: "over its query budget",
    names.KEPT_N_PLUS_ONE: "one statement again and again (N+1)",
    names.KEPT_SAMPLE: "the steady sample",
    names.KEPT_FORCED: "its caller asked for it",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One span; times in seconds from the beginning of the request."""

    name: str
    kind: str
    """query, transaction, wait or other."""
    statement: int | None
    """The number of its statement in the trace's list, from 1."""
    start: float
    length: float
    failed: bool


@dataclass(slots=True)
class Statement:
    """One distinct statement of a trace."""

    text: str
    times: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Trace:
    """One kept request."""

    id: str
    route: str
    status: str
    seconds: float
    at: float
    """When it began, in seconds since the load did."""
    reason: str
    queries: str | None
    rows: tuple[Row, ...]
    more_rows: int
    statements: tuple[Statement, ...]
    repeated: str | None
    """The statement of an N+1 and where it was called, in words."""

    def place(self, start: float) -> float:
        """Where a moment lies along the request, in percent."""
        return round(min(max(100 * start / self.seconds, 0.0), 100.0), 3) if self.seconds else 0.0

    def width(self, row: Row) -> float:
        """How much of the request a row covers, in percent."""
        return round(self.place(row.start + row.length) - self.place(row.start), 3)


def slowest(bundle: Bundle, run: RunDocument, wanted: Collection[str]) -> list[Trace]:
    """The slowest kept traces of the judged part of a run, or of all of it when there is none of that part.

    After those, 1 + MAX_OTHERS of them, the others whose ids are ``wanted``.

    Raises:
        BundleError: traces.jsonl is damaged; the message names the line.
    """
    documents = list(_documents(bundle))
    judged = [d for d in documents if _at(d, run) >= run.measured_from]
    ranked = sorted(judged or documents, key=lambda d: -_length(root_of(d)))
    chosen, others = ranked[: 1 + MAX_OTHERS], ranked[1 + MAX_OTHERS :]
    chosen += [document for document in others if root_of(document).get("traceId") in wanted]
    return [_trace(document, run) for document in chosen]


def _documents(bundle: Bundle) -> Iterator[dict[str, Any]]:
    try:
        lines = bundle.traces.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{bundle.traces}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        try:
            document = json.loads(line)
            _length(root_of(document))
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            told = f"{bundle.traces}:{number}: is no kept trace ({type(error).__name__})"
            raise BundleError(f"{told}; {ANEW}") from error
        yield document


def _trace(document: dict[str, Any], run: RunDocument) -> Trace:
    root = root_of(document)
    others = [span for span in spans_of(document) if span is not root]
    others.sort(key=lambda span: (nanoseconds(span, "startTimeUnixNano"), str(span.get("spanId"))))
    statements: dict[str, Statement] = {}
    rows = []
    for span in others:
        text = _words(span, *STATEMENTS)
        if text is not None:
            known = statements.setdefault(text[:_MAX_STATEMENT], Statement(text[:_MAX_STATEMENT]))
            known.times += 1
            known.seconds += _length(span)
        rows.append(_row(span, root, list(statements).index(text[:_MAX_STATEMENT]) + 1 if text is not None else None))
    repeated = _words(root, names.ATTR_N_PLUS_ONE)
    if repeated is not None:
        times = _words(root, names.ATTR_N_PLUS_ONE_COUNT) or "many"
        repeated = f"{times} times, from {_words(root, names.ATTR_N_PLUS_ONE_SITE) or 'an unknown place'}: {repeated}"
    reason = _words(root, names.ATTR_KEPT_REASON)
    return Trace(
        id=str(root.get("traceId", "")),
        route=route_of(root),
        status=_words(root, names.ATTR_STATUS, names.ATTR_STATUS_OLD) or show.NOTHING,
        seconds=_length(root),
        at=_at(document, run),
        reason=_REASONS.get(reason or "", reason or "not said"),
        queries=_words(root, names.ATTR_QUERIES),
        rows=tuple(rows[:MAX_ROWS]),
        more_rows=max(len(rows) - MAX_ROWS, 0),
        statements=tuple(statements.values()),
        repeated=repeated,
    )


def _row(span: dict[str, Any], root: dict[str, Any], statement: int | None) -> Row:
    kind = _words(span, names.ATTR_CALL_KIND)
    if kind not in ("query", "transaction", "wait"):
        kind = "query" if statement else "other"
    return Row(
        name=str(span.get("name", "")),
        kind=kind,
        statement=statement,
        start=(nanoseconds(span, "startTimeUnixNano") - nanoseconds(root, "startTimeUnixNano")) / 1e9,
        length=_length(span),
        failed=span.get("status", {}).get("code") == ERROR or attribute(span, names.ATTR_ERROR_TYPE) is not None,
    )


def _words(span: dict[str, Any], *keys: str) -> str | None:
    value = attribute(span, *keys)
    return None if value is None else str(value)


def _at(document: dict[str, Any], run: RunDocument) -> float:
    return nanoseconds(root_of(document), "startTimeUnixNano") / 1e9 - run.began


def _length(span: dict[str, Any]) -> float:
    return max(seconds(span), 0.0)
