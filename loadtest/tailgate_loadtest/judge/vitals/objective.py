"""One objective of vitals against visits, lane by lane.

A lane is a script under one set of conditions. An objective is kept where every lane that came to its page keeps it: a
mean over phones and desktops would hide the phones. The bounds of a share are those of independent visits, and eleven
good ones are the fewest that show 75 %. Of n lanes at their very limit, one misses by chance up to n times as often as
one alone, which is at most one time in twenty.
"""

from collections.abc import Mapping, Sequence

from tailgate_slo import SLO, Measure, samples_to_decide

from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.statistics import Bounds
from tailgate_loadtest.judge.vitals.cells import Sample, Subject
from tailgate_loadtest.judge.vitals.document import LaneFinding, VitalFinding
from tailgate_loadtest.judge.vitals.order import bounds

MOST_MISSING = 0.1
"""Of the visits of a lane, the share that may tell nothing of a measure for it to be judged."""
_WORST: tuple[Outcome, ...] = ("fail", "inconclusive", "pass")

Lanes = Mapping[tuple[str, str], Sequence[Visit]]
"""Visits by the names of their script and their lane."""


def judge(slo: SLO, lanes: Lanes) -> VitalFinding | None:
    """The finding on an objective; None where it is of no vital, or no visit came to its page."""
    measure = slo.measure
    if measure is None or measure.kind != "vital" or measure.threshold is None:
        return None
    found = []
    for (script, lane), visits in lanes.items():
        own = _of_page(visits, measure.route)
        # Where all of a lane failed on their way to a page, nobody knows which it would have been.
        if any(visit.page is not None for visit in own):
            found.append(_judge_lane(slo, measure, script, lane, own))
    if not found:
        return None
    found.sort(key=lambda each: (_WORST.index(each.verdict), -(1.0 if each.bad_share is None else each.bad_share)))
    return VitalFinding(
        name=slo.name,
        display_name=slo.display_name,
        vital=measure.vital,
        timing=measure.timing,
        page=measure.route,
        threshold=float(measure.threshold),
        target=float(slo.target),
        verdict=found[0].verdict,
        lanes=tuple(found),
    )


def _of_page(visits: Sequence[Visit], page: str | None) -> list[Visit]:
    """A lane's visits to a page (None: to any); those that failed before they came to one are among them."""
    return [visit for visit in visits if page is None or visit.page is None or visit.page == page]


def _judge_lane(slo: SLO, measure: Measure, script: str, lane: str, visits: Sequence[Visit]) -> LaneFinding:
    subject = Subject(vital=measure.vital, timing=measure.timing)
    sample = Sample.of(visits, subject)
    bad, total = sample.above(float(measure.threshold or 0)), sample.samples + sample.missing
    # Nobody knows what those would have told that did not: a verdict must hold whether they were all good or all bad.
    limits = Bounds(bounds(bad, total).low, bounds(bad + sample.missing, total).high)
    if sample.missing > MOST_MISSING * total:
        verdict, why = _too_few_told(sample, subject)
    else:
        verdict, why = _decide(slo, sample, bad, limits)
    return LaneFinding(
        **sample.measured(float(slo.target)).model_dump(),
        visit=script,
        lane=lane,
        verdict=verdict,
        bad=bad,
        bad_share=bad / sample.samples if sample.samples else None,
        bad_low=limits.low,
        bad_high=limits.high,
        why=why,
    )


def _too_few_told(sample: Sample, subject: Subject) -> tuple[Outcome, str]:
    total = sample.samples + sample.missing
    what = f"{sample.missing} of {total} visits told nothing of {subject.name} ({sample.why_missing})"
    cure = "; let the visit's script click or type" if subject.vital == "inp" else ""
    return "inconclusive", f"{what}, and at most {100 * MOST_MISSING:g} % may{cure}"


def _decide(slo: SLO, sample: Sample, bad: int, limits: Bounds) -> tuple[Outcome, str]:
    allowed = 1 - float(slo.target)
    failed = f", {sample.failed} of them because they failed" if sample.failed else ""
    share = f"{bad / sample.samples:.1%} [{limits.low:.1%}, {limits.high:.1%}]"
    may = f"{(100 * (1 - slo.target)).normalize():f} % may be"
    what = f"{bad} of {sample.samples} visits were bad{failed}: {share}; {may}"
    if sample.missing:
        more = f"{sample.missing} more told nothing, which counts as good for the one bound and as bad for the other"
        what = f"{what}; {more}"
    if limits.low > allowed:
        return "fail", f"{what}, and even the lower bound is above"
    if limits.high <= allowed:
        return "pass", f"{what}, and even the upper bound is within"
    need = samples_to_decide(slo.target)
    hint = f"at least {need} visits are needed" if sample.samples < need else "more visits would narrow it"
    return "inconclusive", f"{what}, which lies between the bounds; {hint}"
