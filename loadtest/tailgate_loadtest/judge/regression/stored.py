"""comparison.json on disk, by itself or beside the bundles that it is of."""

from tailgate_loadtest.judge.regression.document import SCHEMA, ComparisonDocument
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import DOCUMENT


def write_document(directory: Bundle, document: ComparisonDocument) -> None:
    """Write comparison.json. Raises BundleError when it cannot be written."""
    directory.write_model(DOCUMENT, document)


def read_document(directory: Bundle) -> ComparisonDocument:
    """What a comparison came to. Raises BundleError when comparison.json is damaged, or of a newer schema."""
    return directory.read_model(DOCUMENT, "tailgate/comparison/v", SCHEMA, ComparisonDocument)
