"""How much worse a candidate may be: what is tolerated of any change, and what of this one is taken on knowingly."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailgate_slo import Gate
from tailgate_slo.model import Accept, Tolerance

from tailgate_loadtest.shapes.sides import Side


@dataclass(frozen=True, kw_only=True)
class Leeway:
    """What both sides' objectives leave a candidate."""

    tolerance: Tolerance
    accepts: Sequence[Accept] = ()
    on: dt.date
    """The day on which the load began: entries hold until theirs."""

    @classmethod
    def of(cls, gates: Mapping[Side, Gate], began: float) -> "Leeway":
        """That of a load that began so many seconds after 1970.

        Tolerances are the base's, so that no change can widen what it is measured by. Entries are the candidate's:
        whoever reviews the change reviews them with it.
        """
        return cls(
            tolerance=gates[Side.BASE].tolerance,
            accepts=gates[Side.CANDIDATE].accept,
            on=dt.datetime.fromtimestamp(began, dt.UTC).date(),
        )
