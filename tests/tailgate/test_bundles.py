"""``tailgate gate`` and ``tailgate report`` of a bundle that ``tailgate vitals`` wrote; no browser is needed there."""

import json
from collections.abc import Callable

import pytest

from tests.loadtest.conftest import objectives as measures
from tests.loadtest.vitals.made import bundle_of, failed, visits
from tests.tailgate.conftest import Command

LCP = ("lcp", "measure: vital, vital: lcp, route: /dashboard, threshold: 2s", "0.75")


def test_visits_are_judged_again_and_come_to_the_same(tailgate: Command) -> None:
    bundle = bundle_of(tailgate.cwd / "visited", visits(20), measures(LCP))
    before = (bundle.path / "vitals.json").read_text()
    done = tailgate.here("gate", "visited")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/dashboard  dashboard, desktop: 20 visits" in done.stdout
    assert "✓ PASS  The objective is kept" in done.stdout
    assert "report    visited/report.html" in done.stderr
    assert (bundle.path / "report.html").is_file()
    assert (bundle.path / "vitals.json").read_text() == before
    again = tailgate.here("gate", "visited", "--json")
    assert json.loads(again.stdout) == {"bundle": "visited", "vitals": json.loads(before)}


@pytest.mark.parametrize(
    ("made", "changes", "code", "said"),
    [
        (visits(20, lcp=3.0), {}, 1, "✕ FAIL  1 of 1 objectives is missed"),
        (visits(5), {}, 3, "? INCONCLUSIVE  These visits cannot decide"),
        (visits(20), {"died": "it fell over"}, 3, "? INCONCLUSIVE  These visits cannot decide"),
        (visits(20), {"interrupted": "SIGTERM"}, 143, "■ INTERRUPTED  The visits were ended before their time"),
    ],
    ids=["missed", "too few", "died", "interrupted"],
)
def test_the_exit_code_is_that_of_the_verdict(
    tailgate: Command, made: list, changes: dict[str, str], code: int, said: str
) -> None:
    bundle_of(tailgate.cwd / "visited", made, measures(LCP), **changes)
    done = tailgate.here("gate", "visited")
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout


def test_without_objectives_only_a_failed_visit_fails(tailgate: Command) -> None:
    bundle_of(tailgate.cwd / "well", visits(3, lcp=30.0))
    bundle_of(tailgate.cwd / "badly", [*visits(3), *failed(1, start=4)])
    assert tailgate.here("gate", "well").returncode == 0
    assert tailgate.here("gate", "badly").returncode == 1


def test_other_objectives_may_be_named(tailgate: Command, objectives: Callable[..., str]) -> None:
    bundle = bundle_of(tailgate.cwd / "visited", visits(20, lcp=3.0), measures(LCP))
    lax = objectives(("lcp", "vital, vital: lcp", "/dashboard", "4s", "0.75"), name="lax.yaml")
    done = tailgate.here("gate", "visited", "--slo", lax, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["vitals"]["slo"] == "lax.yaml"
    assert (bundle.path / "slo.yaml").read_text() == measures(LCP).text
    assert tailgate.here("gate", "visited").returncode == 1


def test_the_page_is_written_again_and_the_verdict_stays(tailgate: Command) -> None:
    bundle = bundle_of(tailgate.cwd / "visited", visits(20), measures(LCP))
    before = (bundle.path / "vitals.json").read_text()
    (bundle.path / "slo.yaml").write_text("nothing that anybody could judge by")
    done = tailgate.here("report", "visited")
    assert (done.returncode, done.stdout.strip()) == (0, "visited/report.html"), done.stderr
    assert "What people felt" in (bundle.path / "report.html").read_text()
    assert (bundle.path / "vitals.json").read_text() == before
    assert json.loads(tailgate.here("report", "visited", "--json").stdout) == {"report": "visited/report.html"}


def test_what_was_cut_short_is_refused_and_not_judged_by_what_is_left(
    tailgate: Command, refused: Callable[..., str]
) -> None:
    bundle = bundle_of(tailgate.cwd / "visited", visits(20), measures(LCP))
    whole = bundle.visits.read_text()
    bundle.visits.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    assert "visits.jsonl: has 19 visits, and 20 ended; the file was cut short" in refused("gate", "visited")
    assert "visits.jsonl: has 19 visits" in refused("report", "visited")
    bundle.visits.write_text(whole)
    bundle.objectives.unlink()
    assert "slo.yaml: is missing, and there were objectives: copy the bundle anew" in refused("gate", "visited")


@pytest.mark.parametrize("verb", ["gate", "report"])
def test_a_damaged_bundle_is_refused_with_the_place(tailgate: Command, refused: Callable[..., str], verb: str) -> None:
    bundle = bundle_of(tailgate.cwd / "visited", visits(1))
    bundle.visits.unlink()
    assert "visited/visits.jsonl: cannot be read" in refused(verb, "visited")
    (bundle.path / "vitals.json").write_text('{"schema": "tailgate/vitals/v9"}')
    assert "written by a newer tailgate" in refused(verb, "visited")
    assert "nowhere: is no run bundle" in refused(verb, "nowhere")
