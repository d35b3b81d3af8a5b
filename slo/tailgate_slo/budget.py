"""Error budgets, burn rates, and how many samples decide an objective. All arithmetic is decimal.

The alerting windows are those of the SRE workbook, chapter 5 (multiwindow, multi-burn-rate alerts):
https://sre.google/workbook/alerting-on-slos/
"""

import decimal
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Severity = Literal["page", "ticket"]

_CONTEXT = decimal.Context(prec=60)
_DAY = 86_400

# Severity, the share of the budget that is spent when the alert fires, long and short window in seconds.
_WORKBOOK: tuple[tuple[Severity, Decimal, int, int], ...] = (
    ("page", Decimal("0.02"), 3_600, 300),
    ("page", Decimal("0.05"), 21_600, 1_800),
    ("ticket", Decimal("0.10"), 86_400, 7_200),
    ("ticket", Decimal("0.10"), 259_200, 21_600),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertWindow:
    """Alert when the burn rate exceeds ``factor`` over both windows; the short one ends the alert soon after.

    Windows are in seconds. When it fires, ``factor * long / period`` of the budget has been spent in the long one.
    """

    severity: Severity
    long: int
    short: int
    factor: Decimal


def alert_windows(period_days: int) -> tuple[AlertWindow, ...]:
    """The four alerts of an objective: at 30 days with factors 14.4 and 6 (page), 3 and 1 (ticket).

    The factor that spends a share of the budget within the long window is ``share * period / window``. It is
    never below one: who burns more slowly than that keeps the objective, however short the period.
    """
    return tuple(
        AlertWindow(severity=severity, long=long, short=short, factor=_factor(share, long, period_days))
        for severity, share, long, short in _WORKBOOK
    )


def _factor(share: Decimal, window: int, period_days: int) -> Decimal:
    spent = _CONTEXT.multiply(share, Decimal(period_days * _DAY))
    return max(Decimal(1), _CONTEXT.divide(spent, Decimal(window)))


def error_budget(target: Decimal) -> Decimal:
    """The fraction of events that may be bad: what the target leaves."""
    return _CONTEXT.subtract(Decimal(1), target)


def burn_rate(error_ratio: Decimal, target: Decimal) -> Decimal:
    """How fast the budget is spent: 1 spends exactly all of it by the period's end."""
    return _CONTEXT.divide(error_ratio, error_budget(target))


def budget_remaining(period_error_ratio: Decimal, target: Decimal) -> Decimal:
    """The fraction of the budget left after the period's error ratio; negative when overspent."""
    return _CONTEXT.subtract(Decimal(1), burn_rate(period_error_ratio, target))


def samples_to_decide(target: Decimal, confidence: Decimal = Decimal("0.95")) -> int:
    """The least number n of samples, all of them good, that shows a target met with one-sided ``confidence``.

    It is the smallest n with ``target ** n <= 1 - confidence``: were the true fraction only ``target``, so
    long a run without a bad sample would be that unlikely. Raises ValueError unless both lie between 0 and 1.
    """
    if not (0 < target < 1 and 0 < confidence < 1):
        raise ValueError(f"target {target} and confidence {confidence} must lie strictly between 0 and 1")
    doubt = _CONTEXT.subtract(Decimal(1), confidence)
    estimate = _CONTEXT.divide(_CONTEXT.ln(doubt), _CONTEXT.ln(target))
    count = max(1, int(estimate.to_integral_value(decimal.ROUND_FLOOR)))
    # The logarithms' rounding can put the floor one off where the two are equal.
    return next(n for n in (count, count + 1, count + 2) if _CONTEXT.power(target, n) <= doubt)
