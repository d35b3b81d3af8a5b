"""Writes what people see of a comparison beside it; the same document, the same bytes."""

from pathlib import Path

from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.report.regression.comment import comment
from tailgate_loadtest.report.regression.gitlab import load_performance, metrics
from tailgate_loadtest.report.regression.junit import junit
from tailgate_loadtest.report.regression.page import page
from tailgate_loadtest.report.regression.summary import summary
from tailgate_loadtest.run.bundle import Bundle

PAGE = "report.html"
_WRITERS = {
    PAGE: page,
    "summary.md": summary,
    "comment.md": comment,
    "junit.xml": junit,
    "metrics.txt": metrics,
    "load-performance.json": load_performance,
}


def write(directory: Path, document: ComparisonDocument) -> Path:
    """Write all of them into the directory. Returns where report.html is.

    Raises:
        BundleError: the directory cannot be written.
    """
    bundle = Bundle(directory)
    for name, writer in _WRITERS.items():
        bundle.write_text(name, writer(document))
    return directory / PAGE
