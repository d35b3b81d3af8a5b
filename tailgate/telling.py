"""What a comparison came to, or visits without a load: written beside it and said."""

from tailgate_loadtest.browser.recording import PICTURES
from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.judge.regression.stored import write_document
from tailgate_loadtest.judge.vitals.document import VitalsDocument
from tailgate_loadtest.report.regression.terminal import comparison_table
from tailgate_loadtest.report.regression.write import write as write_report
from tailgate_loadtest.report.vitals import vitals_table
from tailgate_loadtest.report.vitals_page import write as write_page
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison

from tailgate.console import out, print_json, say


def conclude(comparison: Comparison, document: ComparisonDocument, *, as_json: bool) -> int:
    """Write what a comparison came to, and say it. Returns the exit code."""
    write_document(comparison.directory, document)
    page = write_report(comparison.directory.path, document)
    if as_json:
        print_json(
            {
                "comparison": str(comparison.directory.path),
                "report": str(page),
                **document.model_dump(mode="json", by_alias=True),
            }
        )
    else:
        out().print(comparison_table(document))
        say(f"comparison  {comparison.directory.path}\nreport      {page}")
    return document.exit_code


def conclude_visits(bundle: Bundle, document: VitalsDocument, *, as_json: bool) -> int:
    """Write the page of what visits came to, and say it. Returns the exit code."""
    page = write_page(bundle, document)
    if as_json:
        print_json({"bundle": str(bundle.path), "vitals": document.model_dump(mode="json", by_alias=True)})
    else:
        out().print(vitals_table(document))
        say(f"bundle    {bundle.path}\nreport    {page}")
        if any((bundle.path / PICTURES).glob("*")):
            say(f"pictures  {bundle.path / PICTURES}")
    return document.exit_code
