"""The time that each step of one exchange took."""

from dataclasses import dataclass


@dataclass(slots=True)
class Timings:
    """Seconds; the first three are 0 on a connection that was open already."""

    resolve: float = 0.0
    connect: float = 0.0
    secure: float = 0.0
    wait: float = 0.0
    """From the send to the answer's first byte."""
    receive: float = 0.0
    """From the first byte to the last."""
