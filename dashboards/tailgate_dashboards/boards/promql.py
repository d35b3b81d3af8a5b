"""PromQL of the boards: what histograms say, narrowed by what the reader has chosen."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from tailgate_otel import names

from ..series import le, select
from ..series.selectors import quoted

RATE = "$__rate_interval"
"""The shortest range that surely holds two scrapes, as Grafana works it out."""
RANGE = "$__range"
"""All of what the board shows."""

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^]")


def summed(expr: str, *by: str) -> str:
    """The sum, for each combination of the labels."""
    return f"sum{_by(by)} ({expr})"


def largest(expr: str, *by: str) -> str:
    """The largest, for each combination of the labels."""
    return f"max{_by(by)} ({expr})"


def during(run: str, shift: str = "") -> str:
    """What restricts a load generator's series to those runs, whose ids only the info metric bears."""
    on = f"on ({names.LABEL_JOB}, {names.LABEL_INSTANCE})"
    runs = select(names.RUN_INFO, f'{names.LABEL_RUN_ID}=~"{run}"')
    return f" and {on} {runs}{shift}"


def one_of(label: str, values: Iterable[str]) -> str:
    """A matcher that a label has one of these values, whatever characters they are made of."""
    return f'{label}=~"{"|".join(map(_literal, sorted(values)))}"'


def literal(text: str) -> str:
    """A text in PromQL's quotes that `label_replace` puts in as it is, and in which Grafana finds no variable.

    There a dollar begins a reference, and is written twice; Grafana would take one for a variable's, unless it is
    written by its number.
    """
    return quoted(text.replace("$", "$$")).replace("$", "\\x24").replace("[[", "[\\x5b")


def _literal(text: str) -> str:
    """A text as a regular expression within PromQL's quotes, in which Grafana finds no variable."""
    return quoted(_SPECIAL.sub(lambda found: "\\" + found[0], text).replace("$", "[$]"))[1:-1]


def number(value: Decimal) -> str:
    """A number without an exponent or needless zeros."""
    return f"{value.normalize():f}"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """A histogram's series, ``name`` without its suffix, and what is asked of them.

    ``per_unit`` of its units make one that is shown. ``over`` is the range of time that is looked at: of
    RATE, events are told per second, of RANGE all of them. ``given`` is PromQL that each
    series is restricted by, and ``shift`` an offset, to look at another time.
    """

    name: str
    matchers: tuple[str, ...] = ()
    native: bool = False
    per_unit: Decimal = Decimal(1)
    over: str = RATE
    given: str = ""
    shift: str = ""

    def series(self, *matchers: str) -> str:
        """The series that count its events, whose presence says that there are any."""
        return select(self.name if self.native else f"{self.name}_count", *self.matchers, *matchers)

    def count(self, *by: str, matchers: tuple[str, ...] = ()) -> str:
        """Events per second."""
        if self.native:
            return summed(f"histogram_count({self._grown('', matchers)}){self.given}", *by)
        return summed(self._grown("_count", matchers) + self.given, *by)

    def total(self, *by: str) -> str:
        """What the events' values add up to, per second."""
        if self.native:
            return self._scaled(summed(f"histogram_sum({self._grown('', ())}){self.given}", *by))
        return self._scaled(summed(self._grown("_sum", ()) + self.given, *by))

    def quantile(self, q: Decimal, *by: str) -> str:
        """The value that the fraction ``q`` of the events do not exceed, interpolated within its bucket."""
        if self.native:
            buckets = summed(self._grown("", ()) + self.given, *by)
        else:
            buckets = summed(self._grown("_bucket", ()) + self.given, *by, names.LABEL_LE)
        # Without events there is no number (NaN), which no comparison lets pass.
        return self._scaled(f"(histogram_quantile({number(q)}, {buckets}) >= 0)")

    def within(self, limit: Decimal, *by: str, matchers: tuple[str, ...] = ()) -> str:
        """The fraction of the events that do not exceed a limit, which is an edge of the histogram."""
        edge = limit * self.per_unit
        if self.native:
            grown = summed(self._grown("", matchers) + self.given, *by)
            return f"(histogram_fraction(-Inf, {number(edge)}, {grown}) >= 0)"
        good = summed(self._grown("_bucket", (*matchers, le(edge))) + self.given, *by)
        return f"{good} / ({self.count(*by, matchers=matchers)} > 0)"

    def buckets(self) -> str:
        """Events of each bucket since the last point, for a heatmap."""
        if self.native:
            return summed(self._grown("", ()) + self.given)
        return summed(f"increase({select(f'{self.name}_bucket', *self.matchers)}[{RATE}]){self.given}", names.LABEL_LE)

    def _grown(self, suffix: str, matchers: tuple[str, ...]) -> str:
        grown = "rate" if self.over == RATE else "increase"
        return f"{grown}({select(self.name + suffix, *self.matchers, *matchers)}[{self.over}]{self.shift})"

    def _scaled(self, expr: str) -> str:
        return expr if self.per_unit == 1 else f"{expr} / {number(self.per_unit)}"
