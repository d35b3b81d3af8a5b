"""What two sides that are loaded together are judged by, as it was asked for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.regression.document import ComparisonDocument, Rates
from tailgate_loadtest.measure.delta import LONGEST
from tailgate_loadtest.run.environment import Fact
from tailgate_loadtest.shapes.sides import Design, Side


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A side as it was asked for."""

    what: str
    revision: str | None
    facts: Mapping[str, Fact]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a comparison is judged by, beside what was measured."""

    sides: Mapping[Side, Asked]
    design: Design
    """Who got which arrivals."""
    error_rate: float
    """How probable a verdict of worse may be for two sides that are the same."""
    fresh: bool
    """The probe found both with the data that they begin with."""
    on_inconclusive: Literal["fail", "neutral"] = "fail"
    until: float = math.inf
    """Looks later than so many seconds after the load began are left out: it was ended by what an earlier one saw."""
    gave_out: tuple[Side, ...] = ()
    """Who did not last under the load, so that it was ended."""
    rates: Rates | None = None
    """What is known of such verdicts on this machine."""
    unrated: str | None = None
    """Why nothing is, though others are."""

    @classmethod
    def of(cls, document: ComparisonDocument) -> "Terms":
        """Those that a document was made by.

        Raises:
            BundleError: it is of no two sides that were loaded together.
        """
        if document.design is None:
            raise BundleError(f"{document.id}: its sides were not loaded together: give the bundles to `compare` again")
        design = document.design
        seconds = max((each.start + each.length for each in design.segments), default=0)
        if not 0 <= design.warmup <= seconds <= LONGEST or not 1 <= design.block <= LONGEST:
            raise BundleError(f"{document.id}: design: no load was shared so: was comparison.json edited by hand?")
        return cls(
            sides={
                side: Asked(what=record.what, revision=record.revision, facts=record.facts)
                for side, record in ((Side.BASE, document.base), (Side.CANDIDATE, document.candidate))
            },
            design=Design(
                seconds=seconds,
                warmup=round(design.warmup),
                seed=design.seed,
                block=design.block,
            ),
            error_rate=document.error_rate,
            fresh=document.fresh,
            on_inconclusive=document.on_inconclusive,
            until=document.looks[-1].at if document.looks else math.inf,
            gave_out=document.gave_out,
            rates=document.rates,
            unrated=document.unrated,
        )
