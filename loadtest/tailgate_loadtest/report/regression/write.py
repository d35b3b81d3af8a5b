"""Writes what people see of a comparison beside it; the same document, the same bytes."""

from pathlib import Path

from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.report.regression.page import page
from tailgate_loadtest.run.bundle import Bundle


def write(directory: Path, document: ComparisonDocument) -> Path:
    """Write report.html. Returns where it is.

    Raises:
        BundleError: the directory cannot be written.
    """
    bundle = Bundle(directory)
    bundle.write_text("report.html", page(document))
    return directory / "report.html"
