"""What a comparison came to, written beside it and said."""

from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.judge.regression.stored import write_document
from tailgate_loadtest.report.regression.terminal import comparison_table
from tailgate_loadtest.report.regression.write import write as write_report
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
