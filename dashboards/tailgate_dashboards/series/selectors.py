"""Selectors, as PromQL writes them."""

from decimal import Decimal
from typing import Literal

from tailgate_otel import names

Traffic = Literal["real", "test", "all"]

# From here on a client in Python writes a power of ten apart.
_LARGE = 1_000_000


def equal(label: str, value: str) -> str:
    """A matcher that a label has exactly this value."""
    return f"{label}={quoted(value)}"


def quoted(text: str) -> str:
    """A string of PromQL that says exactly this."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def select(metric: str, *matchers: str) -> str:
    """A metric's series that meet every matcher."""
    return f"{metric}{{{','.join(matchers)}}}" if matchers else metric


def status_5xx(label: str) -> str:
    """A matcher of the server's errors."""
    return f'{label}=~"5.."'


def le(edge: Decimal) -> str:
    """A matcher of the bucket that ends at an edge, in the histogram's units.

    Clients spell one edge differently: 1 as Go and Envoy do, 1.0 as Java and Python do, and 1e+06.
    """
    # The label is a float's shortest spelling: that of the number as written may have zeros at its end.
    whole, _, part = repr(float(edge)).partition(".")
    spellings = [f"{whole}([.]0)?" if part == "0" else f"{whole}[.]{part}" if part else whole]
    if part and float(edge) >= _LARGE:
        mantissa = f"{whole[0]}.{whole[1:]}{part}".rstrip("0").rstrip(".").replace(".", "[.]")
        spellings.append(f"{mantissa}e[+]{len(whole) - 1:02}")
    elif part != "0":
        return equal(names.LABEL_LE, repr(float(edge)))
    return f'{names.LABEL_LE}=~"{"|".join(spellings)}"'
