"""Types of fields that come from outside, each with its bounds."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Annotated, Any

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    FiniteFloat,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from tailgate_service.cursor import Cursor


def either(kinds: str) -> WrapValidator:
    """Of a union whose ``kinds`` none fits, one error at its field instead of one at each of its kinds."""

    def checked(value: Any, fits: ValidatorFunctionWrapHandler) -> Any:
        try:
            return fits(value)
        except ValidationError as error:
            raise ValueError(f"Input should be {kinds}") from error

    return WrapValidator(checked)


# Postgres keeps no NUL in text.
_NO_NUL = r"^[^\x00]*$"
_NOT_A_DIGIT = re.compile("[^0-9]")

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_NO_NUL)]
DomainText = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_NO_NUL)]
TagName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_NO_NUL)]
Email = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$"), Field(examples=["cora@example.com"])
]
MessageText = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=_NO_NUL)]

# What leaves no mark: white space, control characters, and of those of formatting (Unicode's Cf) what no script needs.
_SEEN = re.compile(
    r"[^\s\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


def _seen(text: str) -> str:
    if not _SEEN.search(text):
        raise ValueError("nothing of it can be seen")
    return text


_VISIBLE = AfterValidator(_seen), Field(json_schema_extra={"pattern": rf"^[^\x00]*{_SEEN.pattern}[^\x00]*$"})
VisibleName = Annotated[ShortText, *_VISIBLE]
"""What somebody here calls somebody; a provider's word for it may be anything."""
VisibleText = Annotated[MessageText, *_VISIBLE]
"""What somebody here writes."""


def _cursor(text: str) -> str:
    Cursor.parse(text)
    return text


CursorText = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_cursor),
    Field(json_schema_extra={"pattern": r"^[0-9]{1,17}-[0-9a-f]{32}$"}),
]


LastEventId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
"""The id of the last server-sent event seen, as the header says it: ours are numbers."""


def digits(phone: str) -> str:
    """What phone numbers are compared by."""
    return _NOT_A_DIGIT.sub("", phone)


_NUMBER = re.compile(r"[0-9 ()+./-]*")


def _searched(text: str) -> str:
    """A number as it may be written is one word: its digits."""
    return digits(text) if _NUMBER.fullmatch(text) else text


SearchText = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_NO_NUL), AfterValidator(_searched)]
"""What to look for: words, or a phone number's first digits however they are written."""


def _phone(text: str) -> str:
    if not 3 <= len(digits(text)) <= 15:
        raise ValueError("a phone number has 3 to 15 digits")
    return text


Phone = Annotated[
    str,
    StringConstraints(max_length=32, pattern=r"^[0-9 ()+./-]*$"),
    AfterValidator(_phone),
    Field(
        description="3 to 15 digits; blanks and ( ) + . / - are not compared",
        examples=["+49 30 1234567"],
        json_schema_extra={"pattern": r"^([ ()+./-]*[0-9]){3,15}[ ()+./-]*$"},
    ),
]


MAX_METADATA = 4096
"""Bytes of JSON, numbers written without an exponent, which is how Postgres keeps them."""
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
Plain = Annotated[
    Annotated[str, StringConstraints(pattern=_NO_NUL)]
    | Annotated[int, Field(ge=-(2**53), le=2**53)]
    | FiniteFloat
    | bool
    | None,
    either("a text without NUL, a number, true, false or null"),
]


# Entries looked at: more cannot be stored, each having six bytes at least.
_MOST = MAX_METADATA // 6


def _size(values: dict[str, Plain]) -> int:
    return len(orjson.dumps({key: _digits(value) for key, value in values.items()}))


def _digits(value: Plain) -> Plain:
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else value


def _metadata(values: dict[str, Plain]) -> dict[str, Plain]:
    for key in values:
        if not _KEY.fullmatch(key):
            raise ValueError("a key has small letters, digits and _, begins with a letter and has at most 40 of them")
    if _size(values) > MAX_METADATA:
        raise ValueError(f"more than {MAX_METADATA} bytes")
    return values


Metadata = Annotated[
    dict[str, Plain],
    AfterValidator(_metadata),
    Field(json_schema_extra={"propertyNames": {"pattern": f"^{_KEY.pattern}$"}}),
]
"""Whatever belongs to something, flat; the database's constraints say the same."""

_METADATA: TypeAdapter[dict[str, Plain]] = TypeAdapter(Metadata)


def fitting(values: Mapping[str, Any]) -> dict[str, Plain]:
    """What of ``values`` is metadata, entry by entry, as long as there is room."""
    kept: dict[str, Plain] = {}
    room = MAX_METADATA
    for key, value in islice(values.items(), _MOST):
        try:
            entry = _METADATA.validate_python({key: value}, strict=True)
        except ValidationError:
            continue
        if (size := _size(entry)) <= room:
            kept |= entry
            room -= size
    return kept


def _not_in_future(moment: datetime) -> datetime:
    return min(moment, datetime.now(UTC))


# The lower bound keeps every value convertible to UTC. A clock that runs ahead must not hold its conversation
# on top of the inbox.
SentAt = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC)), AfterValidator(_not_in_future)]
"""When a message was sent: seconds since 1970 or ISO 8601; a moment in the future counts as now."""
