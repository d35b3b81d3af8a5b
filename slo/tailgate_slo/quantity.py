"""Numbers and durations, read exactly from their text. Nothing here ever passes through a float."""

import re
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

# Twelve digits either side of the point, times the seconds of an hour, fit 40 digits; the traps prove it.
EXACT = Context(prec=40, traps=[Inexact, InvalidOperation, Overflow])

_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")
_LONG = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(us|ms|s|m|h)")
_PERIOD = re.compile(r"([0-9]{1,5})([a-zA-Z])")
_SECONDS = {
    "us": Decimal("0.000001"),
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_LONGEST_PERIOD_DAYS = 366


def parse_decimal(text: str) -> Decimal:
    """The number as written, up to 12 digits before and 12 after the point.

    Raises ValueError with what is wrong and the cure.
    """
    if not _DECIMAL.fullmatch(text):
        if _LONG.fullmatch(text):
            raise ValueError("more digits than are kept. Write 12 at the most on either side, as in 0.99")
        raise ValueError("not a number. Write a plain decimal number, as in 0.99")
    return Decimal(text)


def parse_duration(text: str) -> Decimal:
    """A duration in seconds: a number and one of us, ms, s, m, h (``500ms``, ``1.5s``, ``2m``).

    Raises ValueError with the cure.
    """
    if not (match := _DURATION.fullmatch(text)):
        raise ValueError("Write a number and its unit (us, ms, s, m or h), as in 500ms, 1.5s or 2m")
    number, unit = match.groups()
    return EXACT.multiply(Decimal(number), _SECONDS[unit])


def parse_period(text: str) -> int:
    """An objective's period in whole days, from OpenSLO's shorthand (``30d``, ``4w``, ``720h``).

    Months, quarters and years have no fixed length, so a rolling window cannot be written in them. Raises
    ValueError with the cure.
    """
    match = _PERIOD.fullmatch(text)
    if match and match[2] in "MQY":
        raise ValueError("Months, quarters and years differ in length: write days, as in 30d")
    if not match or match[2] not in "hdw":
        raise ValueError("Write a whole number of days or weeks, as in 30d or 4w")
    hours = int(match[1]) * {"h": 1, "d": 24, "w": 7 * 24}[match[2]]
    days, rest = divmod(hours, 24)
    if rest or not 1 <= days <= _LONGEST_PERIOD_DAYS:
        raise ValueError(f"A period is 1 to {_LONGEST_PERIOD_DAYS} whole days, as in 30d")
    return days
