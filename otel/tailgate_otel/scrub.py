"""What of a span may leave the process, whoever made it: no argument, no secret, no word of an error.

Errors keep their type, SQLSTATE and constraint; their messages, details and stack traces hold customers' data.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status

from tailgate_otel import names
from tailgate_otel.statement import MAX_TEXT, describe

# The limits of the SDK, which an application may have raised, and one for the length of values, where it has none.
MAX_ATTRIBUTES = 128
MAX_EVENTS = 128
MAX_LINKS = 128
MAX_VALUE = MAX_TEXT  # characters or bytes
MAX_NAME = 256
# OTLP has 64 bits for an integer.
_LARGEST = 2**63

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)

_REMOVED = frozenset(
    (
        *("exception.message", "exception.stacktrace", "error.message", "url.query", "url.fragment"),
        *("db.connection_string", "db.statement.parameters", "graphql.document"),
    )
)
_REMOVED_BELOW = ("db.query.parameter.", "db.operation.parameter.")
_STATEMENTS = frozenset((names.ATTR_DB_QUERY, "db.statement"))
_SYSTEMS = (names.ATTR_DB_SYSTEM, "db.system")
# Whose texts are read by the rules of PostgreSQL; of any other's only the operation is kept.
_POSTGRES = frozenset((None, "postgresql", "cockroachdb"))
_TARGETS = frozenset(("url.full", "url.original", "http.url", "http.target"))
_HEADERS = re.compile(r"(?:http|rpc(?:\.grpc)?|messaging)\.(?:request\.|response\.)?(?:header|metadata)s?\.")
_SECRET_HEADER = re.compile(
    rf"auth|cookie|token|secret|key|signature|session|passw|credential|{names.HEADER_RUN_SECRET}", re.IGNORECASE
)
_SECRET = re.compile(
    r"passw|passphrase|secret|credential|authori[sz]ation|cookie|(?:api|private|signing|encryption)[-_.]?key"
    r"|(?:access|api|auth|bearer|csrf|id|refresh|session|xsrf)[-_.]?token",
    re.IGNORECASE,
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_QUERY = re.compile(r"[?#]")
_WEB = frozenset(("http", "https", "ws", "wss"))

_Item = TypeVar("_Item")


class CleanSpan(ReadableSpan):
    """A span that may leave; made by :func:`clean`, and from nothing but measures by the recorder itself."""


def clean(span: ReadableSpan) -> CleanSpan:
    """A bounded copy of a span without what must not leave, marked as sampled so that exporters take it.

    One thing that cannot be encoded would cost all the spans of its batch: what makes no sense is left out.
    """
    context = span.context or INVALID_SPAN_CONTEXT
    return CleanSpan(
        name=text(span.name, MAX_NAME),
        context=kept(context.trace_id, context.span_id, context),
        parent=span.parent if span.parent is not None and span.parent.is_valid else None,
        kind=span.kind if isinstance(span.kind, SpanKind) else SpanKind.INTERNAL,
        attributes=attributes(span.attributes or {}, span.dropped_attributes),
        events=events(span.events, span.dropped_events),
        links=links(span.links, span.dropped_links),
        status=Status(span.status.status_code),
        resource=span.resource,
        instrumentation_scope=_scope(span.instrumentation_scope),
        start_time=_time(span.start_time),
        end_time=_time(span.end_time),
    )


def kept(trace_id: int, span_id: int, parent: SpanContext | None) -> SpanContext:
    """The context of a span that is exported, with the tracestate of the parent if there is one."""
    state = None if parent is None else parent.trace_state
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED, trace_state=state)


def attributes(given: Mapping[Any, Any], dropped: int = 0, own: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """Attributes that may leave; what must not is taken out, what is too many is counted beside ``dropped``.

    Those that are the recorder's own go before, and are not looked at.
    """
    system = next((given[name] for name in _SYSTEMS if name in given), None)
    made: dict[str, Any] = {}
    for key, raw in given.items():
        named = isinstance(key, str) and key
        if named and _is_secret(key):
            continue
        found = value(raw) if named else None
        if found is None or len(made) >= MAX_ATTRIBUTES:
            dropped += 1
        else:
            made[text(key, MAX_NAME)] = _by_key(key, found, system) if isinstance(found, str) else found
    made.update(own or {})
    if not dropped:
        return made
    counted = BoundedAttributes(attributes=made)
    counted.dropped = dropped
    return counted


def events(given: Iterable[Event], dropped: int = 0) -> Sequence[Event]:
    """Events that may leave; of an exception its type."""
    return _bounded(
        given, MAX_EVENTS, dropped, lambda one: Event(text(one.name, MAX_NAME), _of(one), _time(one.timestamp))
    )


def links(given: Iterable[Link], dropped: int = 0) -> Sequence[Link]:
    """Links that may leave, to spans that there can be."""
    valid = [one for one in given if isinstance(one.context, SpanContext) and one.context.is_valid]
    return _bounded(valid, MAX_LINKS, dropped, lambda one: Link(one.context, _of(one)))


def text(given: str, limit: int = MAX_VALUE) -> str:
    """So much of a text as is kept, in a form that every exporter can encode."""
    return str(given)[:limit].encode("utf-8", "replace").decode()


def value(given: Any) -> Any:
    """A bounded copy of an attribute's value that every exporter can encode; None for what has none.

    URLs in it lose their credentials and queries. An object becomes its text, an error its type. Lists and mappings
    are kept one level deep.
    """
    try:
        return _value(given, nested=False)
    except Exception:  # noqa: BLE001 - an application's object may raise anything when it is asked for its text
        return None


def _value(given: Any, *, nested: bool) -> Any:
    if isinstance(given, str):
        return text(_address(given) if _URL.match(given) else given)
    if given is None or isinstance(given, bool | float):
        return given
    if isinstance(given, int):
        return int(given) if -_LARGEST <= given < _LARGEST else None
    if isinstance(given, bytes):
        return given[:MAX_VALUE]
    if isinstance(given, BaseException):
        return type(given).__qualname__
    if not isinstance(given, Mapping | Sequence):
        return _value(str(given), nested=True)
    if nested:
        return None
    if isinstance(given, Mapping):
        found = {
            text(key, MAX_NAME): _value(item, nested=True)
            for key, item in list(given.items())[:MAX_ATTRIBUTES]
            if isinstance(key, str) and key and not _is_secret(key)
        }
        return {key: item for key, item in found.items() if item is not None}
    return tuple(item for item in (_value(item, nested=True) for item in given[:MAX_ATTRIBUTES]) if item is not None)


def _time(given: Any) -> int | None:
    """Nanoseconds, as applications should give them, but some give seconds with a fraction, or none at all."""
    return int(given) if isinstance(given, int | float) and 0 <= given < _LARGEST else None


def _scope(given: InstrumentationScope | None) -> InstrumentationScope | None:
    return given and InstrumentationScope(text(given.name, MAX_NAME), text(given.version or "", MAX_NAME))


def _of(given: Event | Link) -> Mapping[str, Any]:
    return attributes(given.attributes or {}, given.dropped_attributes)


def _bounded(given: Iterable[_Item], limit: int, dropped: int, copied: Callable[[_Item], _Item]) -> Sequence[_Item]:
    items = list(given)
    if not items and not dropped:
        return ()
    made: BoundedList[_Item] = BoundedList.from_seq(limit, [copied(item) for item in items[:limit]])
    made.dropped = dropped + max(0, len(items) - limit)
    return made


def _is_secret(key: str) -> bool:
    if key in _REMOVED or key.startswith(_REMOVED_BELOW) or _SECRET.search(key):
        return True
    header = _HEADERS.match(key)
    return header is not None and _SECRET_HEADER.search(key[header.end() :].replace("_", "-")) is not None


def _by_key(key: str, given: str, system: Any) -> str:
    if key in _STATEMENTS:
        statement = describe(given)
        return statement.text if system in _POSTGRES else statement.operation
    return _QUERY.split(given, maxsplit=1)[0] if key in _TARGETS else given


def _address(url: str) -> str:
    """A URL without user, password, query and fragment.

    What is ambiguous, as a password in which a ``?`` was not quoted, costs the whole address.
    """
    scheme, _, rest = url.partition("://")
    # Only on the web may an @ stand in a path.
    authority = rest.partition("/")[0] if scheme.lower() in _WEB else rest
    user, at, _ = authority.rpartition("@")
    if _QUERY.search(user):
        return scheme + "://"
    return scheme + "://" + _QUERY.split(rest[len(user + at) :], maxsplit=1)[0]
