"""What pages report of their views, narrowed to what the reader chose."""

from decimal import Decimal

from tailgate_otel import names
from tailgate_slo.model import Vital

from ..series import VITAL_HISTOGRAMS, select
from .promql import RATE, Distribution, summed

BY = (names.LABEL_PAGE, names.LABEL_DEVICE)
LEGEND = f"{{{{{names.LABEL_PAGE}}}}} {{{{{names.LABEL_DEVICE}}}}}"
UNSEEN = "no page was measured in the time shown"
SEEN = f"{names.PAGE_VIEWS}_total"
"""The series whose labels are those of all pages and devices."""
STEP = "5m"
"""What a point of a graph stands for at the least: of the few views of a shorter time no share says anything."""

_PROCESS = (f'{names.LABEL_JOB}=~"$job"', f'{names.LABEL_INSTANCE}=~"$instance"')
_PAGE = (f'{names.LABEL_PAGE}=~"$page"', f'{names.LABEL_DEVICE}=~"$device"')


def vital(which: Vital, over: str) -> Distribution:
    """A Web Vital's values."""
    return Distribution(name=VITAL_HISTOGRAMS[which], matchers=(*_PROCESS, *_PAGE), over=over)


def timings(over: str) -> Distribution:
    """The moments that pages mark themselves."""
    return Distribution(name=names.PAGE_TIMING, matchers=(*_PROCESS, *_PAGE), over=over)


def views(over: str, *by: str) -> str:
    """Page views: per second over RATE, all of them over RANGE."""
    return _counted(names.PAGE_VIEWS, over, (*_PROCESS, *_PAGE), by)


def missing(*by: str) -> str:
    """Measures that views did not tell, per second."""
    return _counted(names.WEB_VITAL_MISSING, RATE, (*_PROCESS, *_PAGE), by)


def refused(*by: str) -> str:
    """What was sent and not taken, per second; of which page is nothing that one would believe."""
    return _counted(names.BEACONS_REFUSED, RATE, _PROCESS, by)


def said(which: Vital | None, value: Decimal) -> str:
    """A value of a vital, or of a timing, in its unit."""
    return f"{value.normalize():f}" + ("" if which == "cls" else " s")


def _counted(counter: str, over: str, matchers: tuple[str, ...], by: tuple[str, ...]) -> str:
    grown = "rate" if over == RATE else "increase"
    return summed(f"{grown}({select(f'{counter}_total', *matchers)}[{over}])", *by)
