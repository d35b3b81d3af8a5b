"""comment.md: what a pull request shows of a comparison, to be read in ten seconds."""

from markupsafe import escape

from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.report.regression import shown
from tailgate_loadtest.report.regression.markup import plain
from tailgate_loadtest.report.regression.sections import sections

MARKER = "<!-- tailgate/comparison -->"
"""The first line, by which the comment is found again."""
MAX_BYTES = 64 * 1024 - 1


def comment(document: ComparisonDocument, link: str | None = None) -> str:
    """The comment, of at most MAX_BYTES; its caller vouches for ``link``, where the whole report can be had."""
    where = f'<a href="{escape(link)}">The whole report</a>' if link else "The whole report is with the run"
    foot = f"<p><sub>{where}: report.html. Written by tailgate {plain(document.tool, 40)}.</sub></p>"
    return "\n\n".join([MARKER, *sections(document), foot]) + "\n"


def worth_telling(document: ComparisonDocument) -> bool:
    """Whether a pull request that was told nothing yet should be: something changed, or nobody can say."""
    return bool(
        document.verdict != "pass"
        or shown.notable(document)
        or shown.better(document)
        or document.loosened
        or any(finding.worse and finding.blocking for finding in document.exact)
    )
