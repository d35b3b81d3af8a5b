"""When the evidence is looked at while the load still runs, and what may be spent of the error rate each time.

Whoever looks often and stops at the first alarm has more false alarms than at one look. The levels of all looks add up
to the rate that was promised (Bonferroni): at each look Holm's procedure keeps the probability of any false alarm under
that look's level, whatever the other looks see, and so all together keep it under their sum. A fifth is spent on
the looks before the last, in equal parts, and the rest on the last one (after Haybittle, British Journal of Radiology
44, 1971, and Peto et al., British Journal of Cancer 34, 1976): a large regression shows at a hundredth of the rate as
well, and a small one loses next to nothing. Boundaries by a spending function (Lan & DeMets, Biometrika 70, 1983) gain
little over that, and their joint distribution over looks and cells would have to be assumed.

The same holds for passing: the chance that a bound is on the wrong side, 5 %, is divided among the looks alike.
"""

from dataclasses import dataclass
from functools import cached_property

_EARLY = 0.2
"""Of the rates, what all looks before the last spend together."""


@dataclass(frozen=True, slots=True)
class Look:
    """A moment at which the evidence is judged."""

    at: float
    """Seconds since the load began, warm-up included."""
    alpha: float
    """The most probable a false alarm may be at this look, over all cells."""
    doubt: float
    """The most probable it may be that a bound is on the wrong side, at this look."""
    spent: float
    """Of the error rate, what may have been used up by then, this look's included."""
    last: bool
    """None comes after it: the budget is used up."""

    @property
    def confidence(self) -> float:
        """Of each bound."""
        return 1 - self.doubt


@dataclass(frozen=True, kw_only=True)
class Looks:
    """The moments that are planned; whatever is looked at besides them decides nothing."""

    budget: float
    """Seconds the load lasts at most, warm-up included: the last look."""
    first: float
    every: float
    alpha: float = 0.01
    """How probable a verdict of worse may be for two sides that are the same, over all cells and looks."""
    doubt: float = 0.05
    """How probable it may be that a cell passes though it is worse by more than is tolerated, over all looks."""

    @cached_property
    def moments(self) -> tuple[Look, ...]:
        """All looks, in order."""
        times, at = [], self.first
        while at < self.budget:
            times.append(at)
            at += self.every
        early = [_EARLY / len(times)] * len(times) if times else []
        spent, found = 0.0, []
        for when, share in zip([*times, self.budget], [*early, 1 - sum(early)], strict=True):
            spent += share
            last = when == self.budget
            found.append(Look(when, share * self.alpha, share * self.doubt, spent * self.alpha, last))
        return tuple(found)

    def look(self, until: float) -> Look | None:
        """The last that was due by ``until`` seconds; None before the first."""
        return next((look for look in reversed(self.moments) if look.at <= until), None)
