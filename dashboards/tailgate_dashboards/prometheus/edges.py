"""The edges of a histogram's buckets, in seconds or as counts, whatever its own unit and spelling."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation


def edge_of(le: str, per_unit: Decimal = Decimal(1)) -> Decimal | None:
    """The edge that a label ``le`` tells, ``per_unit`` of its units being one of ours; None for infinity.

    Raises ValueError where it is no number.
    """
    try:
        edge = Decimal(le)
    except InvalidOperation:
        raise ValueError(f"le={le!r} is no number") from None
    return edge / per_unit if edge.is_finite() else None


def same(edge: Decimal, threshold: Decimal) -> bool:
    """Whether they are one to a client that keeps its edges as binary fractions."""
    return float(edge) == float(threshold)


def nearest(edges: Iterable[Decimal], threshold: Decimal) -> tuple[Decimal, ...]:
    """The next edge below the threshold and the next above it, as far as there are such."""
    known = sorted(edges)
    below = [edge for edge in known if edge < threshold]
    above = [edge for edge in known if edge > threshold]
    return (*below[-1:], *above[:1])
