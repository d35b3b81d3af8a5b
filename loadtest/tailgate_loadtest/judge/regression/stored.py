"""comparison.json on disk, by itself or beside the bundles that it is of."""

from pydantic import ValidationError

from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.regression.document import SCHEMA, ComparisonDocument
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import DOCUMENT


def write_document(directory: Bundle, document: ComparisonDocument) -> None:
    """Write comparison.json. Raises BundleError when it cannot be written."""
    directory.write_text(DOCUMENT, document.model_dump_json(by_alias=True, indent=1) + "\n")


def read_document(directory: Bundle) -> ComparisonDocument:
    """What a comparison came to. Raises BundleError when comparison.json is damaged, or of a newer schema."""
    raw = directory.read_json(DOCUMENT, "tailgate/comparison/v", SCHEMA)
    try:
        return ComparisonDocument.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BundleError(f"{directory.path / DOCUMENT}: {where}: {first['msg']}") from error
