"""A calibration in words: the table and the page say the same."""

from collections import Counter
from collections.abc import Iterable

from tailgate_loadtest.judge.regression.calibration.rates import bounds, showing
from tailgate_loadtest.judge.regression.calibration.records import Calibration, GateRecord
from tailgate_loadtest.judge.regression.document import Measure, Rates
from tailgate_loadtest.report import show

_REASONS = 3


def headline(known: Rates) -> str:
    """``2 false alarms in 60 gates``."""
    return f"{_alarms(known.false_alarms)} in {show.several(known.gates, 'gate')}"


def title(calibration: Calibration) -> str:
    """What was compared with itself, and how."""
    setting = calibration.setting
    return f"{calibration.side} against itself, profile {setting.profile.name}, {show.span(setting.budget)} a gate"


def promised(calibration: Calibration) -> str:
    """The error rate that the gates were made with."""
    return f"{show.percent(calibration.setting.error_rate)} by design"


def worth(calibration: Calibration, known: Rates) -> str:
    """What so many gates can tell of the rate of false alarms, and what they cannot."""
    low, high, rate = known.false_alarms_low, known.false_alarms_high, calibration.setting.error_rate
    if low > rate:
        return (
            f"At 95 %, more than {show.measured_share(low)} of such gates are false alarms, and {show.percent(rate)}"
            " are promised: what is compared is not the same twice, or something disturbs one side alone."
        )
    told = f"At 95 %, fewer than {show.measured_share(high)} of such gates are false alarms"
    if high < rate:
        return f"{told}, as promised."
    enough = showing(rate, known.false_alarms)
    more = enough - known.gates
    hours = show.span(more * calibration.setting.budget)
    these = f"no more than {_alarms(known.false_alarms)}" if known.false_alarms else "no false alarm"
    return (
        f"{told}: that is all so few gates can show. It takes {show.count(enough)} with {these} to show that fewer than"
        f" {show.percent(rate)} are: {show.count(more)} more, {hours} of load."
    )


def inconclusive(known: Rates) -> str:
    """``2 of 20, 10.0 % [1.8 %, 28.3 %]``: the gates that were, and the bounds of their share."""
    low, high = bounds(known.inconclusive, known.gates)
    return (
        f"{show.count(known.inconclusive)} of {show.count(known.gates)},"
        f" {show.measured_share(known.inconclusive / known.gates)}"
        f" [{show.measured_share(low)}, {show.measured_share(high)}]"
    )


def visible(measure: Measure, change: float | None) -> str:
    """The smallest change that would show: ``+12 %``, or ``+0.40 pt`` for failures."""
    if change is None:
        return show.NOTHING
    unit = "pt" if measure == "failures" else "%"
    return f"+{show.significant(100 * change, 2)}{show.NARROW}{unit}"


def when(calibration: Calibration) -> list[float]:
    """Seconds of load after which each gate had said pass or fail, of those that did."""
    return sorted(gate.at for gate in calibration.judged if gate.at is not None)


def outcome(gate: GateRecord) -> str:
    """What a gate of two equal sides was."""
    if gate.aborted is not None:
        return "gave out"
    return "false alarm" if gate.verdict == "fail" else gate.verdict


def why(gate: GateRecord) -> str:
    """The first reasons for that; empty of a pass."""
    return gate.aborted or "; ".join(gate.reasons[:_REASONS])


def gave_out(calibration: Calibration) -> str:
    """How many gates tell nothing, since a side did not last; empty where all did."""
    number = len(calibration.aborted)
    if not number:
        return ""
    gates, them = ("gate", "it counts") if number == 1 else ("gates", "they count")
    return f"In {show.count(number)} {gates} a side gave out under the load: {them} neither as right nor as wrong."


def commonest(gates: Iterable[GateRecord], most: int) -> list[str]:
    """``3 gates: base: its service died ...``: reasons of most of these gates."""
    found = Counter(why(gate) for gate in gates)
    return [f"{show.several(n, 'gate')}: {reason}" for reason, n in found.most_common(most)]


def _alarms(number: int) -> str:
    return show.several(number, "false alarm")
