"""The published schemas are those of the documents that are written."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel
from tailgate_loadtest.judge.document import VerdictDocument
from tailgate_loadtest.judge.history import History
from tailgate_loadtest.judge.regression.calibration.records import CalibrationsDocument
from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.run.document import RunDocument

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("run-v1", RunDocument),
        ("verdict-v1", VerdictDocument),
        ("comparison-v1", ComparisonDocument),
        ("calibration-v1", CalibrationsDocument),
        ("history-v1", History),
    ],
)
def test_a_published_schema_is_that_of_its_document(name: str, model: type[BaseModel]) -> None:
    golden = SCHEMAS / f"{name}.json"
    schema = model.model_json_schema(by_alias=True, mode="serialization")
    text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    if golden.read_text() != text:
        golden.with_suffix(".json.got").write_text(text)
    assert golden.read_text() == text
