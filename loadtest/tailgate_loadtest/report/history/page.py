"""A history as one page, which needs nothing else: neither a network nor a script."""

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from tailgate_loadtest.judge.history import History
from tailgate_loadtest.report import facts, plot
from tailgate_loadtest.report.history.chapters import Chapter, chapters, of
from tailgate_loadtest.report.history.chart import chart, moment_of
from tailgate_loadtest.report.templating import environment

MAX_ROUTES = 24
"""The most routes of a profile that are shown."""
_MAX_COLUMNS = 4
"""The most routes with a column of their own in the table of runs."""
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Small:
    """A route's own picture."""

    route: str
    picture: Markup


def page(history: History, root: str) -> str:
    """The whole page; ``root`` leads from where it lies to the bundles' directory, as a relative address."""
    return (
        environment(_TEMPLATES)
        .get_template("history.html")
        .render(
            history=history,
            root=root,
            chapters=[(chapter, _pictures(number, chapter)) for number, chapter in enumerate(chapters(history), 1)],
            max_columns=_MAX_COLUMNS,
            of=of,
            moment_of=moment_of,
            facts=facts,
        )
    )


def _pictures(number: int, chapter: Chapter) -> list[Small]:
    return [
        Small(route, chart(f"route-{number}-{i}", route, chapter, plot.SMALL))
        for i, route in enumerate(chapter.routes(MAX_ROUTES), 1)
    ]
