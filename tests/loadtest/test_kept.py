"""The objectives that a bundle keeps: those it was begun with, and no others in their place."""

from collections.abc import Callable

import pytest
import tailgate_slo
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.kept import objectives_kept
from tailgate_loadtest.run.bundle import Bundle

from tests.loadtest.conftest import objectives

KNOWN = objectives(
    ("up", "measure: availability", "0.9"),
    ("quick", "measure: latency, route: GET /a, threshold: 1s", "0.9"),
)


@pytest.fixture
def empty(bundle: Callable[..., Bundle]) -> Bundle:
    return bundle([])


def test_a_run_that_was_begun_with_objectives_is_judged_by_them(empty: Bundle) -> None:
    empty.write_text("slo.yaml", KNOWN.text)
    found = objectives_kept(empty, KNOWN.digest)
    assert found is not None
    assert found.digest == KNOWN.digest


def test_a_run_that_was_begun_without_any_has_none(empty: Bundle) -> None:
    assert objectives_kept(empty, None) is None


def test_objectives_that_are_gone_are_missed(empty: Bundle) -> None:
    with pytest.raises(BundleError, match=r"slo\.yaml: is missing, and there were objectives: copy .* by --slo"):
        objectives_kept(empty, KNOWN.digest)


@pytest.mark.parametrize("left", ["one document", "a document less", "others"])
def test_objectives_that_were_cut_short_or_changed_are_no_longer_the_runs(empty: Bundle, left: str) -> None:
    documents = KNOWN.text.split("---\n")
    texts = {
        "one document": documents[0],
        "a document less": "---\n".join(documents[:-1]),
        "others": KNOWN.text.replace("0.9", "0.5"),
    }
    empty.write_text("slo.yaml", texts[left])
    with pytest.raises(BundleError, match=r"slo\.yaml: has other objectives than there were at first"):
        objectives_kept(empty, KNOWN.digest)


def test_objectives_that_are_none_any_more_are_refused_by_their_place(empty: Bundle) -> None:
    empty.write_text("slo.yaml", KNOWN.text[:40])
    with pytest.raises(tailgate_slo.SloError, match=r"slo\.yaml"):
        objectives_kept(empty, KNOWN.digest)
