"""Writes the reports of a judged run into its bundle; the same bundle, the same bytes."""

from pathlib import Path

from tailgate_loadtest.judge.document import VerdictDocument
from tailgate_loadtest.report.junit import junit
from tailgate_loadtest.report.page import page
from tailgate_loadtest.report.summary import summary
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import RunDocument


def write(bundle: Bundle, run: RunDocument, verdict: VerdictDocument) -> Path:
    """Write report.html, summary.md and junit.xml. Returns where report.html is.

    Raises:
        BundleError: the bundle is incomplete or damaged.
    """
    bundle.write_text("report.html", page(bundle, run, verdict))
    bundle.write_text("summary.md", summary(run, verdict))
    bundle.write_text("junit.xml", junit(run, verdict))
    return bundle.path / "report.html"
