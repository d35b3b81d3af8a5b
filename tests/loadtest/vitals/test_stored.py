"""What visits came to, on disk."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.vitals.document import FILE
from tailgate_loadtest.judge.vitals.stored import judge_again, read_document
from tailgate_loadtest.run.bundle import Bundle

from tests.loadtest.conftest import objectives
from tests.loadtest.vitals.made import bundle_of, failed, visit, visits

FAST = ("lcp", "measure: vital, vital: lcp, route: /dashboard, threshold: 2s", "0.75")
FASTER = ("lcp", "measure: vital, vital: lcp, route: /dashboard, threshold: 500ms", "0.75")
MADE = [*(visit(n, lcp=n / 10, timings={"shown": n / 7}) for n in range(1, 19)), *failed(2, start=19)]


@pytest.mark.parametrize("measures", [None, objectives(FAST), objectives(FASTER)], ids=["none", "2 s", "500 ms"])
@pytest.mark.parametrize("changes", [{}, {"interrupted": "SIGTERM"}, {"died": "it fell over"}], ids=str)
def test_the_same_bundle_comes_to_the_same_to_the_letter(
    tmp_path: Path, measures: Any, changes: dict[str, str]
) -> None:
    bundle = bundle_of(tmp_path / "visited", MADE, measures, **changes)
    before = (bundle.path / FILE).read_text()
    known = read_document(bundle)
    assert judge_again(bundle, measures) == known
    assert (bundle.path / FILE).read_text() == before


def test_the_bundles_copy_of_the_objectives_goes_by_the_name_that_the_original_had(tmp_path: Path) -> None:
    original = dataclasses.replace(objectives(FAST), file="config/shop.yaml")
    bundle = bundle_of(tmp_path / "visited", MADE, original)
    assert judge_again(bundle, objectives(FAST)).slo == "shop.yaml"
    assert judge_again(bundle, objectives(FASTER)).slo == "slo.yaml"


def test_other_objectives_change_the_verdict_and_not_how_the_visits_were_made(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path / "visited", visits(20), objectives(FAST))
    known = read_document(bundle)
    judged = judge_again(bundle, objectives(FASTER))
    assert (known.verdict, judged.verdict, read_document(bundle).verdict) == ("pass", "fail", "fail")
    assert (judged.account, judged.setting, judged.cells) == (known.account, known.setting, known.cells)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"schema": "tailgate/vitals/v2"}, "has schema 'tailgate/vitals/v2': written by a newer tailgate"),
        ({"schema": "tailgate/run/v1"}, "not a tailgate/vitals/v1 document"),
        ({"confidence": "much"}, "vitals.json: confidence: "),
        ({"account": {}}, "vitals.json: account.browser: "),
    ],
)
def test_a_document_that_cannot_be_read_is_named_with_its_place(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    bundle = bundle_of(tmp_path / "visited", visits(1))
    bundle.write_json(FILE, {**json.loads((bundle.path / FILE).read_bytes()), **change})
    with pytest.raises(BundleError) as refused:
        judge_again(bundle, None)
    assert named in str(refused.value)


def test_visits_that_are_gone_or_broken_are_named(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path / "visited", visits(3))
    bundle.visits.write_text('{"number": 1}\n')
    with pytest.raises(BundleError, match=r"visits.jsonl: line 1: is no visit"):
        judge_again(bundle, None)
    bundle.visits.unlink()
    with pytest.raises(BundleError, match=r"visits.jsonl: cannot be read"):
        judge_again(bundle, None)


def test_where_there_is_no_document_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"vitals.json: cannot be read"):
        read_document(Bundle(tmp_path))
