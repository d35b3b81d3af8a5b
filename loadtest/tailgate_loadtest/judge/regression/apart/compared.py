"""Bundles of runs made at different times, compared: the document of it all. The same bundles, the same document."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Literal

from tailgate_slo import Gate, Objectives

from tailgate_loadtest.judge.kept import objectives_kept
from tailgate_loadtest.judge.listed import listed
from tailgate_loadtest.judge.regression.apart import between, environments
from tailgate_loadtest.judge.regression.apart.drafts import MIN_RUNS
from tailgate_loadtest.judge.regression.apart.environments import Difference
from tailgate_loadtest.judge.regression.apart.past import Past, read
from tailgate_loadtest.judge.regression.document import Cell, ComparisonDocument, ExactFinding, SideRecord
from tailgate_loadtest.judge.regression.exact import counted
from tailgate_loadtest.judge.regression.terms.accept import Accepted, accept
from tailgate_loadtest.judge.regression.terms.loosened import loosenings
from tailgate_loadtest.judge.regression.why.evidence import evidence
from tailgate_loadtest.judge.regression.why.explained import Sides, explained
from tailgate_loadtest.judge.verdict import raised
from tailgate_loadtest.run.bundle import Bundle

Verdict = Literal["pass", "fail", "inconclusive"]
_EXIT: dict[Verdict, int] = {"pass": 0, "fail": 1, "inconclusive": 3}


def compare(
    base: Sequence[Bundle], candidate: Sequence[Bundle], *, names: tuple[str, str], today: dt.date
) -> ComparisonDocument:
    """What of the candidate's runs is worse than the base's; each side has at least one bundle.

    Args:
        base: the runs of before.
        candidate: the runs of the change.
        names: what was asked for as base, and as candidate.
        today: entries that accept a regression hold until their day.

    Raises:
        BundleError: a bundle is incomplete or damaged.
        ComparisonError: the sides were not put under the same load.
        SloError: the objectives that a bundle keeps are damaged.
    """
    warnings: list[str] = []
    sides = [_once([read(bundle) for bundle in side], warnings) for side in (base, candidate)]
    environments.refuse(*sides)
    differences = environments.differences(*sides)
    asked = [_objectives(side[-1]) for side in sides]
    gates = [_gate(objectives, sides[0][-1]) for objectives in asked]
    # By the base's own objectives, so that no change can widen what it is measured by.
    tolerance = gates[0].tolerance
    sound, doubts = _sound(sides)
    cells: list[Cell] = []
    if all(sound):
        moments = environments.moments(*sound)
        before, after = ([each.routes for each in side] for side in sound)
        cells = between.cells(before, after, moments, tolerance, _spoiled(differences, counts=False))
        warnings += [*_few_moments(sound, moments), *_rare(cells)]
    exact, unknown = _queries(sides, float(tolerance.relative), _spoiled(differences, counts=True))
    # Nothing that no test has sized is known to be within what is accepted.
    sized = [cell for cell in cells if cell.p is not None or cell.verdict == "fail"]
    accepted = accept(gates[1].accept, today, cells=sized, exact=exact, loosened=loosenings(*asked))
    decided = {(cell.route, cell.measure): cell for cell in (*cells, *accepted.cells)}
    told, found = explained(tuple(decided.values()), accepted.exact, lambda: _known(*sides))
    accepted = replace(accepted, cells=told, exact=found)
    verdict, reasons = _conclude(accepted, [*doubts, *unknown])
    first = min((side[0].run for side in sides), key=lambda run: run.began)
    return ComparisonDocument(
        id="...".join(side[-1].run.id for side in sides),
        tool=version("tailgate-loadtest"),
        kind="compare",
        started=first.started,
        seconds=sum(each.run.seconds for side in sides for each in side),
        base=_record(names[0], sides[0]),
        candidate=_record(names[1], sides[1]),
        design=None,
        error_rate=between.ERROR_RATE,
        confidence=between.CONFIDENCE,
        verdict=verdict,
        exit_code=_EXIT[verdict],
        reasons=tuple(reasons),
        cells=accepted.cells,
        exact=accepted.exact,
        loosened=accepted.loosened,
        accepts=accepted.entries,
        differences=tuple(each.what for each in differences),
        unrated="`tailgate calibrate` measures it for sides that are loaded together",
        warnings=tuple(warnings),
    )


def _once(side: list[Past], warnings: list[str]) -> list[Past]:
    """In the order in which they began, each run once: a copy would look like a run that agrees to the last digit."""
    kept: dict[str, Past] = {}
    for each in sorted(side, key=lambda each: (each.run.began, each.name)):
        if each.digest in kept:
            warnings.append(f"{each.name} is a copy of {kept[each.digest].name}, and counts once")
        else:
            kept[each.digest] = each
    return list(kept.values())


def _sound(sides: Sequence[Sequence[Past]]) -> tuple[list[list[Past]], list[str]]:
    """The runs that can say something of response times and failures; why others cannot, and what else is in doubt."""
    doubts = [f"{each.name}: {why}" for side in sides for each in side for why in (*each.unsound, *raised(each.run))]
    sound = [[each for each in side if not each.unsound] for side in sides]
    for name, left in zip(("base", "candidate"), sound, strict=True):
        if not left:
            doubts.append(f"no run of the {name} can say anything of response times")
    return sound, doubts


def _few_moments(sound: Sequence[Sequence[Past]], moments: tuple[int, int]) -> list[str]:
    """A warning where runs are many, and the moments at which they were made are not."""
    return [
        f"the {len(side)} runs of the {name} were made at {_moments(count)}, and count as {count}: make runs of base"
        " and candidate in turns, or hours apart, and the intervals are narrower"
        for name, side, count in zip(("base", "candidate"), sound, moments, strict=True)
        if MIN_RUNS <= len(side) != count
    ]


def _moments(count: int) -> str:
    return "one moment" if count == 1 else f"{count} moments"


def _objectives(past: Past) -> Objectives | None:
    """What the run was judged by; None where it was not."""
    return objectives_kept(past.bundle, past.run.plan.slo_digest)


def _gate(objectives: Objectives | None, past: Past) -> Gate:
    return objectives.gate(past.run.plan.profile or "closed") if objectives else Gate()


def _spoiled(differences: Iterable[Difference], *, counts: bool) -> str | None:
    """Why nothing can be concluded of times, or even of ``counts``."""
    spoiling = [each.what for each in differences if each.spoils == "counts" or (each.spoils == "times" and not counts)]
    if not spoiling:
        return None
    return f"the two sides differ in more than the change ({'; '.join(spoiling)}): run both in the same place"


def _queries(
    sides: Sequence[Sequence[Past]], tolerance: float, spoiled: str | None
) -> tuple[list[ExactFinding], list[str]]:
    """What is known of queries per request, and what of it is in doubt.

    Of all runs: what a generator does to times, it does not do to counts.
    """
    silent = [any(not each.queries for each in side) for side in sides]
    if all(silent):
        return [], []
    if any(silent):
        return [], [f"queries per request are not known of every run of the {'base' if silent[0] else 'candidate'}"]
    before, after = ([each.queries for each in side] for side in sides)
    found = counted.findings(before, after, tolerance)
    if spoiled:
        return [each.model_copy(update={"worse": False, "blocking": False, "why": spoiled}) for each in found], []
    return found, [
        f"{f.route}: {f.why}" for f in found if not f.worse and counted.moved(f.base, f.candidate, tolerance)
    ]


def _known(base: Sequence[Past], candidate: Sequence[Past]) -> Sides:
    return evidence([each.bundle for each in base]), evidence([each.bundle for each in candidate])


def _conclude(found: Accepted, doubts: Sequence[str]) -> tuple[Verdict, list[str]]:
    """What is worse is worse whatever is in doubt; only without any doubt does nothing being worse pass."""
    stopping = [cell for cell in found.cells if cell.blocking and cell.accepted is None]
    failed = [f"{cell.route} {cell.measure}: {cell.why}" for cell in stopping if cell.verdict == "fail"]
    more = [f"{f.route}: {f.why}" for f in found.exact if f.blocking and f.worse and f.accepted is None]
    less = [f"{each.objective} is loosened: {each.what}" for each in found.loosened if each.accepted is None]
    if worse := [*failed, *more, *less]:
        return "fail", worse
    undecided: dict[str, dict[str, list[str]]] = {}
    for cell in stopping:
        if cell.verdict == "inconclusive":
            undecided.setdefault(cell.why, {}).setdefault(cell.route, []).append(cell.measure)
    reasons = [*doubts, *(f"{listed(_routes(cells), '; ')}: {why}" for why, cells in undecided.items())]
    if reasons:
        return "inconclusive", reasons
    if not any(cell.blocking for cell in found.cells):
        return "inconclusive", ["no route has enough requests to be compared; a longer load has more"]
    return "pass", [f"none of {len(stopping)} measures is worse by more than is tolerated"]


def _routes(undecided: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{route} {', '.join(measures)}" for route, measures in undecided.items()]


def _rare(cells: Sequence[Cell]) -> list[str]:
    """A warning of the routes that nothing can be said of."""
    blocking = {cell.route for cell in cells if cell.blocking}
    rare = list(dict.fromkeys(cell.route for cell in cells if cell.route not in blocking))
    return [f"too few requests in a run to be compared, and only shown: {listed(rare)}"] if rare else []


def _record(what: str, side: Sequence[Past]) -> SideRecord:
    return SideRecord(
        what=what,
        revision=_revision(side),
        bundles=tuple(each.name for each in side),
        facts=dict(side[-1].run.environment),
    )


def _revision(side: Sequence[Past]) -> str | None:
    """The commit that all runs of a side were made of, where it is one."""
    found = {str(each.run.environment.get("revision") or "nogit") for each in side}
    return found.pop() if len(found) == 1 and found != {"nogit"} else None
