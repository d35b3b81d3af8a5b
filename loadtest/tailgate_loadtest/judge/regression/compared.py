"""Bundles of runs made at different times, compared: the document of it all. The same bundles, the same document."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Literal

import tailgate_slo
from tailgate_slo import Gate, Objectives

from tailgate_loadtest.judge.regression import between, counted, environments
from tailgate_loadtest.judge.regression.accept import accept
from tailgate_loadtest.judge.regression.document import Cell, ComparisonDocument, ExactFinding, Loosened, SideRecord
from tailgate_loadtest.judge.regression.environments import Difference
from tailgate_loadtest.judge.regression.loosened import loosenings
from tailgate_loadtest.judge.regression.past import Past, read
from tailgate_loadtest.run.bundle import Bundle

Verdict = Literal["pass", "fail", "inconclusive"]
_EXIT: dict[Verdict, int] = {"pass": 0, "fail": 1, "inconclusive": 3}
_MAX_NAMES = 4


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
    read_base, read_candidate = (_once([read(bundle) for bundle in side], warnings) for side in (base, candidate))
    environments.refuse(read_base, read_candidate)
    differences = environments.differences(read_base, read_candidate)
    doubts: list[str] = []
    sound = [_sound(name, side, doubts) for name, side in (("base", read_base), ("candidate", read_candidate))]
    asked = [_objectives(side[-1]) for side in (read_base, read_candidate)]
    gates = [_gate(objectives, read_base[-1]) for objectives in asked]
    # By the base's own objectives, so that no change can widen what it is measured by.
    tolerance = gates[0].tolerance
    cells: list[Cell] = []
    if all(sound):
        moments = environments.moments(*sound)
        warnings += _few_moments(sound, moments)
        cells = between.cells(
            [each.routes for each in sound[0]],
            [each.routes for each in sound[1]],
            moments,
            tolerance,
            _spoiled(differences, counts=False),
        )
        warnings += _rare(cells)
    # What a generator does to times it does not do to counts.
    spoiled = _spoiled(differences, counts=True)
    exact, unknown = _queries(read_base, read_candidate, float(tolerance.relative), spoiled)
    doubts += unknown
    # Nothing that no test has sized is known to be within what is accepted.
    sized = [cell for cell in cells if cell.p is not None or cell.verdict == "fail"]
    accepted = accept(gates[1].accept, today, cells=sized, exact=exact, loosened=loosenings(asked[0], asked[1]))
    decided = {(cell.route, cell.measure): cell for cell in (*cells, *accepted.cells)}
    verdict, reasons = _conclude(list(decided.values()), accepted.exact, accepted.loosened, doubts)
    everything = (*read_base, *read_candidate)
    began = min(each.run.began for each in everything)
    return ComparisonDocument(
        id=f"{read_base[-1].run.id}...{read_candidate[-1].run.id}",
        tool=version("tailgate-loadtest"),
        kind="compare",
        started=dt.datetime.fromtimestamp(began, dt.UTC).isoformat(timespec="milliseconds"),
        seconds=sum(each.run.seconds for each in everything),
        base=_record(names[0], read_base),
        candidate=_record(names[1], read_candidate),
        design=None,
        error_rate=between.ERROR_RATE,
        confidence=between.CONFIDENCE,
        verdict=verdict,
        exit_code=_EXIT[verdict],
        reasons=tuple(reasons),
        cells=tuple(decided.values()),
        exact=accepted.exact,
        loosened=accepted.loosened,
        accepts=accepted.entries,
        differences=tuple(each.what for each in differences),
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


def _sound(name: str, side: Sequence[Past], doubts: list[str]) -> list[Past]:
    """The runs that can say something of response times and failures; each other one is a doubt."""
    left = [each for each in side if each.unsound is None]
    doubts += [f"{each.name} says nothing of response times: {each.unsound}" for each in side if each.unsound]
    if not left:
        doubts.append(f"the {name} has no run that can be compared")
    return left


def _few_moments(sound: Sequence[Sequence[Past]], moments: tuple[int, int]) -> list[str]:
    """A warning where runs are many, and the moments at which they were made are not."""
    return [
        f"the {len(side)} runs of the {name} were made at {_moments(count)}, and count as {count}: make runs of base"
        " and candidate in turns, or hours apart, and the intervals are narrower"
        for name, side, count in zip(("base", "candidate"), sound, moments, strict=True)
        if between.MIN_RUNS <= len(side) != count
    ]


def _moments(count: int) -> str:
    return "one moment" if count == 1 else f"{count} moments"


def _objectives(past: Past) -> Objectives | None:
    """What the run was judged by; None where it was not."""
    return tailgate_slo.load(past.bundle.objectives) if past.bundle.objectives.exists() else None


def _gate(objectives: Objectives | None, past: Past) -> Gate:
    return objectives.gate(past.run.plan.profile or "closed") if objectives else Gate()


def _spoiled(differences: Iterable[Difference], *, counts: bool) -> str | None:
    """Why nothing can be concluded of times, or even of ``counts``."""
    spoiling = [each.what for each in differences if each.spoils == "counts" or (each.spoils == "times" and not counts)]
    if not spoiling:
        return None
    return f"the two sides differ in more than the change ({'; '.join(spoiling)}): run both in the same place"


def _queries(
    base: Sequence[Past], candidate: Sequence[Past], tolerance: float, spoiled: str | None
) -> tuple[list[ExactFinding], list[str]]:
    """What is known of queries per request, and what of it is in doubt."""
    silent = [any(not each.queries for each in side) for side in (base, candidate)]
    if all(silent):
        return [], []
    if any(silent):
        return [], [f"queries per request are not known of every run of the {'base' if silent[0] else 'candidate'}"]
    before, after = ([each.queries for each in side] for side in (base, candidate))
    found = counted.findings(before, after, tolerance)
    if spoiled:
        return [each.model_copy(update={"worse": False, "blocking": False, "why": spoiled}) for each in found], []
    return found, [
        f"{f.route}: {f.why}" for f in found if not f.worse and counted.moved(f.base, f.candidate, tolerance)
    ]


def _conclude(
    cells: Sequence[Cell], exact: Sequence[ExactFinding], loosened: Sequence[Loosened], doubts: Sequence[str]
) -> tuple[Verdict, list[str]]:
    """What is worse is worse whatever is in doubt; only without any doubt does nothing being worse pass."""
    stopping = [cell for cell in cells if cell.blocking and cell.accepted is None]
    failed = [f"{cell.route} {cell.measure}: {cell.why}" for cell in stopping if cell.verdict == "fail"]
    counted_worse = [each for each in exact if each.blocking and each.worse and each.accepted is None]
    asks_less = [f"{each.objective} is loosened: {each.what}" for each in loosened if each.accepted is None]
    if worse := [*failed, *(f"{each.route}: {each.why}" for each in counted_worse), *asks_less]:
        return "fail", worse
    undecided: dict[str, dict[str, list[str]]] = {}
    for cell in stopping:
        if cell.verdict == "inconclusive":
            undecided.setdefault(cell.why, {}).setdefault(cell.route, []).append(cell.measure)
    reasons = [*doubts, *(f"{_several(_routes(found))}: {why}" for why, found in undecided.items())]
    if reasons:
        return "inconclusive", reasons
    if not any(cell.blocking for cell in cells):
        return "inconclusive", ["no route has enough requests to be compared; a longer load has more"]
    return "pass", [f"none of {len(stopping)} measures is worse by more than is tolerated"]


def _routes(undecided: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{route} {', '.join(measures)}" for route, measures in undecided.items()]


def _several(names: Sequence[str]) -> str:
    """As many names as one reads."""
    more = len(names) - _MAX_NAMES
    return "; ".join(names[:_MAX_NAMES]) + (f"; and {more} more" if more > 0 else "")


def _rare(cells: Sequence[Cell]) -> list[str]:
    """A warning of the routes that nothing can be said of."""
    blocking = {cell.route for cell in cells if cell.blocking}
    rare = list(dict.fromkeys(cell.route for cell in cells if cell.route not in blocking))
    return [f"too few requests in a run to be compared, and only shown: {_several(rare)}"] if rare else []


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
