"""A calibration as one page, which needs nothing else: neither a network nor a script."""

from pathlib import Path

from tailgate_loadtest.judge.regression.calibration.rates import Least, alarms_of, least, progress
from tailgate_loadtest.judge.regression.calibration.records import Calibration
from tailgate_loadtest.judge.regression.document import Rates
from tailgate_loadtest.report import facts, plot, show
from tailgate_loadtest.report.calibration import chart, words
from tailgate_loadtest.report.calibration.table import moments
from tailgate_loadtest.report.plot import Frame
from tailgate_loadtest.report.templating import environment

MAX_ROUTES = 24
"""The most routes that are pictured; the table has all."""
_MAX_MOMENTS = 8
_TEMPLATES = Path(__file__).parent / "templates"
_WIDE, _NARROW = Frame(width=1120, height=220), Frame(width=360, height=180, right=16)


def page(calibration: Calibration, known: Rates) -> str:
    """The whole page."""
    found = least(calibration)
    lines: dict[str, list[Least]] = {}
    for each in found:
        if each.measure != "failures":
            lines.setdefault(each.route, []).append(each)
    setting, shares = calibration.setting, progress(calibration)
    return (
        environment(_TEMPLATES)
        .get_template("calibration.html")
        .render(
            calibration=calibration,
            setting=setting,
            known=known,
            worse=known.false_alarms_low > setting.error_rate,
            words=words,
            facts=facts,
            alarms=alarms_of(calibration),
            found=[(each, dict(each.points)) for each in found],
            moments=moments(found, _MAX_MOMENTS),
            more=max(len(lines) - MAX_ROUTES, 0),
            pictures=[
                (route, chart.visible(f"route-{number}", route, percentiles, setting.budget, plot.SMALL))
                for number, (route, percentiles) in enumerate(list(lines.items())[:MAX_ROUTES], 1)
            ],
            progress=plot.both(
                lambda key, frame: chart.progress(key, shares, setting.budget, frame), "progress", _WIDE, _NARROW
            ),
            longest=show.span(setting.budget),
        )
    )
