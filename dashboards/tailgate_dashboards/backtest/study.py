"""A backtest of an objectives file: what its alerts would have done, and what they would have at other thresholds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tailgate_slo import SLO, Objectives
from tailgate_slo.budget import Severity, error_budget

from tailgate_dashboards.errors import RefusedError, UnansweredError, UnsupportedError
from tailgate_dashboards.plain import plain
from tailgate_dashboards.prometheus import Prometheus
from tailgate_dashboards.rules import severities
from tailgate_dashboards.series import series_of

from .counting import Counted, Steps, count, pace_of
from .past import Pace, Past
from .replay import Firing, History, replay

_DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What alerts did: each firing, and of all ``events`` the share that was ``bad``."""

    firings: tuple[Firing, ...]
    events: float
    bad: float
    spent: float
    """The part of the budget that the last period spent; of the whole time where that is shorter."""

    @property
    def pages(self) -> int:
        """How often somebody would have been paged."""
        return sum(1 for firing in self.firings if firing.severity == "page")

    @property
    def tickets(self) -> int:
        """How many tickets there would have been."""
        return sum(1 for firing in self.firings if firing.severity == "ticket")


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """One objective from ``begin`` to ``end``; ``others`` are the outcomes at other thresholds, ascending."""

    slo: SLO
    begin: float
    end: float
    step: float
    scrape: float
    """Seconds between two samples, where they are furthest apart; 0 where nobody knows."""
    unknown: float
    """The share of the time of which nothing is known: there are no two samples to compare."""
    history: History
    outcome: Outcome
    others: dict[Decimal, Outcome]

    @property
    def gravest(self) -> Severity:
        """The gravest severity of its alerts: a page, or a ticket where nobody is ever paged."""
        return next(iter(severities(self.slo)))


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """The objectives that could be replayed, and by name why the others could not."""

    replayed: tuple[Replayed, ...]
    left_out: dict[str, str]


def backtest(
    objectives: Objectives, prometheus: Prometheus, *, begin: float, end: float, tell: Callable[[str], None]
) -> Backtest:
    """Replay the alerts of every objective over a Prometheus's past; moments are seconds since 1970.

    ``tell`` hears which objective is asked for. Raises PrometheusError where the Prometheus cannot be asked.
    """
    series = series_of(objectives.metrics)
    pasts: dict[Pace, Past] = {}
    replayed, left_out = [], {}
    for number, slo in enumerate(objectives.slos, 1):
        tell(f"{slo.name} ({number} of {len(objectives.slos)})")
        try:
            pace = pace_of(slo, series, prometheus, begin=begin, end=end)
            past = pasts.setdefault(pace, Past(prometheus, begin=begin, end=end, pace=pace))
            replayed.append(_replayed(slo, count(slo, series, past), past, begin))
        except (RefusedError, UnansweredError, UnsupportedError) as error:
            left_out[slo.name] = plain(str(error))
    return Backtest(replayed=tuple(replayed), left_out=left_out)


def _replayed(slo: SLO, events: Counted, past: Past, begin: float) -> Replayed:
    # Of moments nobody can ask how many there are.
    least = severities(slo) if events.counted else dict.fromkeys(severities(slo), 0)

    def outcome(steps: Steps) -> Outcome:
        return _outcome(slo, _history(steps, past), begin, least)

    own = outcome(events.own)
    if not own.events:
        raise UnansweredError("there was no event in this time")
    history = _history(events.own, past)
    judged = len(history.since(begin).all)
    return Replayed(
        slo=slo,
        begin=begin,
        end=past.end,
        step=past.step,
        scrape=past.scrape,
        unknown=1.0 - float(events.own.known[-judged:].mean()),
        history=history,
        outcome=own,
        others={at: outcome(steps) for at, steps in events.other.items()},
    )


def _history(steps: Steps, past: Past) -> History:
    first = past.start + past.step * int(steps.known.argmax())
    return History(start=past.start, step=past.step, bad=steps.bad, all=steps.all, known=first)


def _outcome(slo: SLO, history: History, begin: float, least: Mapping[Severity, int]) -> Outcome:
    firings = replay(
        history,
        target=slo.target,
        period_days=slo.period_days,
        begin=begin,
        least=least,
    )
    judged = history.since(begin)
    every, bad = float(judged.all.sum()), float(judged.bad.sum())
    last = history.since(max(begin, history.end - slo.period_days * _DAY))
    period = float(last.all.sum())
    spent = float(last.bad.sum()) / (period * float(error_budget(slo.target))) if period else 0.0
    return Outcome(firings=firings, events=every, bad=bad / every if every else 0.0, spent=spent)
