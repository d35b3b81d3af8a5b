"""Numbers as people read them: milliseconds live here alone, and no number shows more digits than it has."""

import math
import re
from decimal import Decimal

NARROW = "\u202f"
"""A narrow space that does not break, between thousands and before a unit."""
NOTHING = "–"

# Not allowed in XML, able to steer a terminal, or able to turn a line of text around.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """The text without characters that a page, a terminal or an XML reader would obey or refuse."""
    return _CONTROL.sub("\ufffd", text)


def one_line(text: str, most: int | None = None) -> str:
    """The text, clean, in one line; cut to ``most`` characters with an ellipsis."""
    line = " ".join(clean(text).split())
    return line if most is None or len(line) <= most else line[: most - 1] + "…"


def plain(text: str) -> str:
    """The text with ordinary spaces, for terminals whose fonts know no narrow ones."""
    return text.replace(NARROW, " ")


def count(number: float) -> str:
    """A whole number, its thousands apart."""
    return f"{round(number):,}".replace(",", NARROW)


def several(number: int, name: str) -> str:
    """So many of something that takes an s: 1 run, 2 runs."""
    return f"{count(number)} {name}" if number == 1 else f"{count(number)} {name}s"


def significant(value: float, digits: int = 3) -> str:
    """A measured number to so many significant digits, its last zeros kept: they were measured too."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else NOTHING
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    # Rounding may carry into one digit more: 9.996 is 10.0, not 10.00.
    places = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(places, 0)}f}".replace(",", NARROW)


def exact(value: float) -> str:
    """A number somebody wrote down, as it was written: 0.5, 12.5, 500."""
    return f"{Decimal(repr(value)).normalize():,f}".replace(",", NARROW)


def milliseconds(seconds: float) -> str:
    """A measured time in milliseconds, without the unit."""
    return significant(seconds * 1e3)


def latency(seconds: float) -> str:
    """A measured time in milliseconds."""
    return f"{milliseconds(seconds)}{NARROW}ms"


def threshold(seconds: float) -> str:
    """A time somebody wrote down, in milliseconds."""
    return f"{exact(float(Decimal(repr(seconds)) * 1000))}{NARROW}ms"


def percent(share: float) -> str:
    """A share somebody wrote down: 99.9 %."""
    return f"{exact(float(Decimal(repr(share)) * 100))}{NARROW}%"


def percentile(share: float) -> str:
    """The name of a percentile: p95, p99.9."""
    return f"p{exact(float(Decimal(repr(share)) * 100))}"


def measured_share(share: float) -> str:
    """A share that was counted; near the whole with as many nines as it has, and two digits after."""
    places = _places(share)
    return f"{share * 100:.{places}f}{NARROW}%" if places else percent(float(round(share)))


def derived_share(share: float) -> str:
    """A share that follows from what was written down: with the digits of one that was counted, without last zeros."""
    return percent(round(share, 2 + _places(share)))


def _places(share: float) -> int:
    """After the point of its percentage, so that two digits tell it from none and from the whole; 0: it is either."""
    rest = min(share, 1 - share)
    return max(1 - math.floor(math.log10(rest * 100)), 1) if rest > 0 else 0


def span(seconds: float) -> str:
    """A length of time: 35 s, 1 min 30 s, 2 h 5 min."""
    if seconds < 59.5:
        return f"{exact(round(seconds, 1 if seconds < 10 else 0))}{NARROW}s"
    whole = round(seconds)
    parts = [(whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60 if whole < 3600 else 0, "s")]
    return " ".join(f"{number}{NARROW}{unit}" for number, unit in parts if number)


def moment(seconds: float, longest: float) -> str:
    """A point of a time axis that reaches to ``longest``."""
    if longest <= 120:
        return f"{exact(round(seconds, 3))}{NARROW}s"
    whole = round(seconds)
    if longest < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def rate(per_second: float) -> str:
    """Events per second, without the unit."""
    return significant(per_second) if per_second < 1000 else count(per_second)


def size(number: float) -> str:
    """Bytes, in the largest unit that leaves a whole number before the point."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if number < 1024 or unit == "TiB":
            break
        number /= 1024
    return f"{exact(round(number, 1))}{NARROW}{unit}"
