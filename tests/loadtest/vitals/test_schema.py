"""The published schema is that of the document that is written."""

import json
from pathlib import Path

from tailgate_loadtest.judge.vitals.document import VitalsDocument


def test_the_published_schema_is_that_of_the_document() -> None:
    golden = Path(__file__).parents[3] / "docs" / "schema" / "vitals-v1.json"
    schema = VitalsDocument.model_json_schema(by_alias=True, mode="serialization")
    text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    if not golden.exists() or golden.read_text() != text:
        golden.with_suffix(".json.got").write_text(text)
    assert golden.read_text() == text
