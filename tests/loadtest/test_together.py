"""What a comparison comes to when its load was disturbed, or cannot decide: doubt passes nothing, and hides nothing."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.judge.regression.terms.asked import Asked, Terms
from tailgate_loadtest.judge.regression.together import judge_pair
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.run.document import Generator
from tailgate_loadtest.shapes.sides import SIDES, Design, Side

from tests.loadtest.comparisons import comparison
from tests.loadtest.conftest import objectives
from tests.loadtest.gates import intervals, probed

DESIGN = Design(seconds=205, warmup=5, seed=3, block=5)
DISTURBED = Generator(reasons=("the engine stood still",))
STRICT = objectives(("shop", "measure: latency, route: GET /shop, threshold: 100ms", "0.95"))
LOOSE = objectives(("shop", "measure: latency, route: GET /shop, threshold: 500ms", "0.95"))
Made = Callable[..., ComparisonDocument]
Found = list[Interval]


@pytest.fixture
def judged(bundle: Callable[..., Bundle], tmp_path: Path) -> Made:
    """Judges sides that are the same, but for what is said of them."""

    def judged(
        *,
        slower: float = 1.0,
        neutral: bool = False,
        loosened: bool = False,
        gave_out: tuple[Side, ...] = (),
        change: Callable[[Side, Found], Found] = lambda _, found: found,
        **run: Any,
    ) -> ComparisonDocument:
        (tmp_path / "both").mkdir()
        for side, found in intervals(DESIGN, slower=slower).items():
            asked = LOOSE if loosened and side is Side.CANDIDATE else STRICT
            plan = {"slo_digest": asked.digest}
            made = bundle(change(side, found), path=f"both/{side}", seconds=float(DESIGN.seconds), plan=plan, **run)
            made.write_text(made.objectives.name, asked.text)
        terms = Terms(
            sides={side: Asked(what="working tree", revision=None, facts={}) for side in SIDES},
            design=DESIGN,
            error_rate=0.01,
            fresh=True,
            on_inconclusive="neutral" if neutral else "fail",
            gave_out=gave_out,
        )
        return judge_pair(probed(Comparison(Bundle(tmp_path / "both"))), terms)

    return judged


@pytest.mark.parametrize("neutral", [False, True])
def test_a_disturbed_generator_decides_nothing_and_is_never_neutral(judged: Made, neutral: bool) -> None:
    found = judged(slower=1.5, neutral=neutral, generator=DISTURBED)
    assert (found.verdict, found.exit_code) == ("inconclusive", 3)
    assert found.reasons == DISTURBED.reasons


@pytest.mark.parametrize("generator", [Generator(), DISTURBED])
def test_a_loosened_objective_fails_whatever_the_generator_did(judged: Made, generator: Generator) -> None:
    found = judged(loosened=True, generator=generator)
    assert (found.verdict, found.exit_code) == ("fail", 1)
    assert found.reasons[0] == "shop is loosened: the threshold was raised from 100 ms to 500 ms"


@pytest.mark.parametrize("neutral", [False, True])
def test_a_task_that_raised_lets_nothing_pass_and_is_never_neutral(judged: Made, neutral: bool) -> None:
    found = judged(neutral=neutral, exceptions={"ValueError": 3})
    assert (found.verdict, found.exit_code) == ("inconclusive", 3)
    assert "base: tasks of the locustfile raised ValueError 3 times" in found.reasons


def test_what_is_worse_by_a_sound_measurement_fails_though_doubt_is_neutral(judged: Made) -> None:
    found = judged(slower=1.5, neutral=True)
    assert (found.verdict, found.exit_code) == ("fail", 1)


DIED = "{}: its service died 17 s into the load: SIGKILL"


def test_a_candidate_that_died_under_the_load_fails_for_that_reason(judged: Made) -> None:
    found = judged(aborted=DIED.format("candidate"), gave_out=(Side.CANDIDATE,))
    assert (found.verdict, found.exit_code) == ("fail", 1)
    assert found.reasons == (found.aborted,) == (DIED.format("candidate"),)


@pytest.mark.parametrize("neutral", [False, True])
@pytest.mark.parametrize(
    ("dead", "generator"), [((Side.BASE,), Generator()), (SIDES, Generator()), ((Side.CANDIDATE,), DISTURBED)]
)
def test_a_death_that_proves_nothing_is_named_and_never_passes(
    judged: Made, dead: tuple[Side, ...], generator: Generator, neutral: bool
) -> None:
    died = "; ".join(map(DIED.format, dead))
    found = judged(aborted=died, gave_out=dead, generator=generator, neutral=neutral)
    assert (found.verdict, found.exit_code) == ("inconclusive", 3)
    assert found.reasons == (died, *generator.reasons)


BRAKED = "{}: the brake ended the load at 9 s: 40 of the 40 requests that ended within the last 5 s failed, 100 %"


@pytest.mark.parametrize(
    ("dead", "how"),
    [((), ""), *(((side,), how) for side in SIDES for how in (DIED, BRAKED)), (SIDES, DIED)],
)
def test_which_side_gave_out_is_read_of_the_words_of_documents_that_have_no_field_for_it(
    dead: tuple[Side, ...], how: str
) -> None:
    document = comparison(aborted="; ".join(map(how.format, dead)) or None, gave_out=dead)
    plain = document.model_dump(mode="json", by_alias=True)
    assert plain.pop("gave_out") == list(dead)
    assert ComparisonDocument.model_validate(plain) == document


def test_a_load_that_was_ended_by_what_it_had_shown_is_no_warning(judged: Made) -> None:
    ended = "the load was ended by what its first 85 s had shown"
    found = judged(ended=ended, warnings=(ended, "one that stays"), loosened=True)
    assert found.verdict == "fail"
    assert found.warnings == ("one that stays",)


@pytest.mark.parametrize(
    "edited",
    [{"segments": []}, {"block": 0}, {"warmup": -1}, {"segments": [{"start": 0, "length": 10**12, "to": "both"}]}],
)
def test_a_document_whose_design_was_edited_by_hand_is_not_judged_again(judged: Made, edited: dict[str, Any]) -> None:
    document = judged().model_dump(mode="json", by_alias=True)
    document["design"] |= edited
    with pytest.raises(BundleError, match="design: no load was shared so"):
        Terms.of(ComparisonDocument.model_validate(document))


@pytest.mark.parametrize(("neutral", "code"), [(False, 3), (True, 0)])
def test_only_the_doubt_of_a_sound_measurement_is_neutral(judged: Made, neutral: bool, code: int) -> None:
    found = judged(slower=1.03, neutral=neutral)
    assert (found.verdict, found.exit_code) == ("inconclusive", code), found.reasons


def other(found: Sequence[Interval], **changes: Any) -> Found:
    """The same of another route."""
    return [replace(each, **{"route": "GET /cart", **changes}) for each in found]


def dropped(side: Side, found: Found) -> Found:
    return found if side is Side.CANDIDATE else [*found, *other(found)]


def added(side: Side, found: Found) -> Found:
    return found if side is Side.BASE else [*found, *other(found)]


def broken_and_rare(side: Side, found: Found) -> Found:
    kind = Kind.FAILED if side is Side.CANDIDATE else Kind.RESPONSE
    return [*found, *other(found[::25], kind=kind, histogram=Histogram.of([0.04]))]


NO_ANSWER: dict[str, tuple[Callable[[Side, Found], Found], str]] = {
    "a route that the candidate lacks": (dropped, "GET /cart p50: the candidate had no request of it"),
    "a route that the base lacks": (added, "GET /cart p50: the base had no request of it"),
    "a route that only the candidate has": (
        lambda side, found: [*found, *other(found, kind=Kind.FAILED if side is Side.BASE else Kind.RESPONSE)],
        "of the base failed: there are no times to compare; if the route is new, leave its task to a later change",
    ),
    "all requests failed": (
        lambda _, found: [replace(each, kind=Kind.FAILED) for each in found],
        "requests failed, on both sides",
    ),
    "none was ever answered": (
        lambda _, found: [replace(each, kind=Kind.CENSORED) for each in found],
        "requests failed, on both sides",
    ),
    "a rare route that only fails now": (broken_and_rare, "GET /cart failures: all 6 requests of the candidate failed"),
    "a log without times": (
        lambda _, found: [replace(each, histogram=Histogram({0: each.histogram.total})) for each in found],
        "took no time at all",
    ),
    "requests without an end": (
        lambda _, found: [*found, *other(found[50:51], route=found[0].route, kind=Kind.LOST)],
        "since a worker was lost",
    ),
    "hardly any request": (
        lambda _, found: [replace(each, histogram=Histogram.of([0.04])) for each in found[::10]],
        "no route has enough requests",
    ),
    "no request": (lambda *_: [], "no request was measured"),
}


@pytest.mark.parametrize("neutral", [False, True])
@pytest.mark.parametrize("name", NO_ANSWER)
def test_where_there_is_no_answer_there_is_none_to_be_neutral_about(judged: Made, name: str, neutral: bool) -> None:
    change, why = NO_ANSWER[name]
    found = judged(change=change, neutral=neutral)
    assert (found.verdict, found.exit_code) == ("inconclusive", 3), found.reasons
    assert any(why in reason for reason in found.reasons), found.reasons


def test_what_the_comparison_did_not_see_is_told(judged: Made) -> None:
    """Both probes asked for another route than the load, and so does the objective."""
    found = judged(change=lambda _, found: other(found))
    assert found.verdict == "pass"
    assert found.warnings == (
        "not compared request for request, so one query more would not be seen: GET /cart; give them more of the mix",
        "objectives of which nothing was measured: shop; see whether a task asks for it",
    )


def halved(path: Path) -> None:
    """Cut short between two lines."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))


GONE: dict[str, tuple[Callable[[Path], object], str]] = {
    "the base's objectives": (lambda both: (both / "base" / "slo.yaml").unlink(), r"base/slo\.yaml: is missing"),
    "the candidate's": (lambda both: (both / "candidate" / "slo.yaml").unlink(), r"candidate/slo\.yaml: is missing"),
    "some of the base's": (
        lambda both: (both / "base" / "slo.yaml").write_text(STRICT.text.partition("---\n")[0]),
        r"base/slo\.yaml: has other objectives than there were at first",
    ),
    "a part of a log": (lambda both: halved(both / "candidate" / "latency.hlog"), r"candidate/latency\.hlog: has \d+"),
    "both probes": (lambda both: shutil.rmtree(both / "probe"), r"probe/base\.jsonl: cannot be read"),
    "a probe": (lambda both: (both / "probe" / "candidate.jsonl").unlink(), r"probe/candidate\.jsonl: cannot be read"),
    "a part of a probe": (lambda both: halved(both / "probe" / "base.jsonl"), r"probe/base\.jsonl: breaks off"),
}


@pytest.mark.parametrize("name", GONE)
def test_nothing_is_judged_again_by_what_is_left_of_it(judged: Made, tmp_path: Path, name: str) -> None:
    document, both = judged(), tmp_path / "both"
    assert judge_pair(Comparison(Bundle(both)), Terms.of(document)) == document
    lose, why = GONE[name]
    lose(both)
    with pytest.raises(BundleError, match=why):
        judge_pair(Comparison(Bundle(both)), Terms.of(document))
