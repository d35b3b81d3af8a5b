"""A comparison's report.html: one file that needs nothing else, neither a network nor a script."""

from collections.abc import Mapping
from pathlib import Path

from tailgate_loadtest.judge.regression.document import Cell, ComparisonDocument, Measure
from tailgate_loadtest.report import facts, marks, plot
from tailgate_loadtest.report import words as run_words
from tailgate_loadtest.report.plot import Frame
from tailgate_loadtest.report.regression import shown, words
from tailgate_loadtest.report.regression.forest import forest, mark
from tailgate_loadtest.report.regression.timeline import timeline
from tailgate_loadtest.report.templating import environment

MAX_PICTURED = 24
"""The most routes in the picture; the tables have all."""
_TEMPLATES = Path(__file__).parent / "templates"
_WIDE, _NARROW = Frame(width=1120, height=0, left=72, right=12), Frame(width=360, height=0, left=66, right=12)


def page(document: ComparisonDocument) -> str:
    """The whole page."""
    rows = list(shown.of_route(document).items())
    judged = [(route, cells) for route, cells in rows if shown.worst(cells.values())]
    pictured = [(route, cells) for route, cells in judged or rows if _known(cells)][:MAX_PICTURED]
    design = document.design
    return (
        environment(_TEMPLATES)
        .get_template("comparison.html")
        .render(
            document=document,
            shown=shown,
            words=words,
            run_words=run_words,
            marks=marks,
            mark=mark,
            when=facts.when(document.started),
            troubles=shown.troubles(document),
            loosened=[each for each in document.loosened if each.accepted is None],
            doubts=shown.undecided(document),
            rows=rows,
            counted=shown.counted(document),
            pictured=len(pictured),
            reasons=shown.reasons(document),
            forest=plot.both(lambda key, frame: forest(key, pictured, wide=frame is _WIDE), "forest", _WIDE, _NARROW)
            if pictured
            else None,
            timeline=plot.both(
                lambda key, frame: timeline(key, design, document.looks, document.seconds, frame),
                "timeline",
                _WIDE,
                _NARROW,
            )
            if design
            else None,
        )
    )


def _known(cells: Mapping[Measure, Cell]) -> bool:
    return any(cell.ratio is not None for measure, cell in cells.items() if measure != "failures")
