"""The edges of a histogram's buckets, in seconds or as counts, whatever its own unit and spelling."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

# Of a label anybody can write; what is further from 1 is no edge that anybody means, and long to write.
_LEAST, _LARGEST = Decimal("1e-15"), Decimal("1e15")


def edge_of(le: str, per_unit: Decimal = Decimal(1)) -> Decimal | None:
    """The edge that a label ``le`` tells, ``per_unit`` of its units being one of ours; None where it is no number."""
    try:
        edge = Decimal(le)
    except InvalidOperation:
        return None
    if not edge.is_finite() or (edge and not _LEAST <= edge.copy_abs() <= _LARGEST):
        return None
    return edge / per_unit


def same(edge: Decimal, threshold: Decimal) -> bool:
    """Whether they are one to a client that keeps its edges as binary fractions."""
    return float(edge) == float(threshold)


def nearest(edges: Iterable[Decimal], threshold: Decimal) -> tuple[Decimal, ...]:
    """The next edge below the threshold and the next above it, as far as there are such."""
    known = sorted(edges)
    below = [edge for edge in known if edge < threshold]
    above = [edge for edge in known if edge > threshold]
    return (*below[-1:], *above[:1])
