"""How much a machine may disturb its generator before a run decides nothing: the limits that a user may move."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields

_SHARE = re.compile(r"(?P<number>\d+(\.\d+)?)\s*%")


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """Shares of 1.

    Under the open model a generator that is kept from its work counts its own delays as the service's: with wider
    limits a run rather misses an objective that is kept than passes one that is missed.
    """

    late: float = 0.01
    """Of the arrivals that may be begun late: if there are more, a p99 is the generator's."""
    stalled: float = 0.01
    """Of the time in which a worker's loop may stand still for longer than that at once. Under the closed model no
    arrival is late, but what is on its way then is timed when the loop goes on."""
    waited: float = 0.50
    """Of the time in which a worker may be ready to run and have no core. It waits for milliseconds at a time, as on
    any machine with work to do; once it waits for longer than not, others decide when it runs."""
    throttled: float = 0.05
    """Of the time for which a quota may hold a worker back. Unlike a busy core, it does so for most of a period of a
    tenth of a second at a time; for longer than a stall's least it counts as one as well."""
    steal: float = 0.10
    """Of its machine's time that a hypervisor may give to others; on a busy machine one in ten steps then takes
    longer, and nobody in it can tell which."""
    shared: float = 0.95
    """Of its machine's cores that may be busy where the service runs on it, too, and the generator takes much."""

    @property
    def moved(self) -> dict[str, float]:
        """The limits that are not the usual ones."""
        usual = Tolerance()
        return {limit: share for limit in _LIMITS if (share := getattr(self, limit)) != getattr(usual, limit)}


_LIMITS = [field.name for field in fields(Tolerance)]


def tolerance_of(given: Iterable[str]) -> Tolerance:
    """The limits of texts like ``steal=30%``; the others are the usual ones.

    Raises:
        ValueError: a text names no limit, or no share from 0 % to 100 %; the message says what would be right.
    """
    moved = {}
    for text in given:
        limit, _, share = text.partition("=")
        if limit not in _LIMITS:
            near = difflib.get_close_matches(limit, _LIMITS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_LIMITS)}"
            raise ValueError(f"{text!r}: no limit is called {limit!r}; {hint}")
        found = _SHARE.fullmatch(share.strip())
        if found is None or float(found["number"]) > 100:
            raise ValueError(f"{text!r}: {share!r} is no share; write one from 0% to 100%, such as {limit}=30%")
        moved[limit] = float(found["number"]) / 100
    return Tolerance(**moved)
