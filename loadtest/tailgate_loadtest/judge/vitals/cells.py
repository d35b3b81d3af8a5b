"""Visits in groups, and what each group tells of a measure: how many, the percentile and its interval."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from tailgate_slo.model import VITALS, Vital
from tailgate_slo.vitals import JUDGED_BY, VITAL_BOUNDS

from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.judge.vitals.document import Cell, Measured, Rating
from tailgate_loadtest.judge.vitals.order import percentile

Place = tuple[str, str, str]
"""A page, the script that visits it, and the lane."""
_number = attrgetter("number")
_UNMARKED = "the page marked no such moment"
_MOST_TIMINGS = 40
"""Of one page: it may give its moments other names in each visit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is measured: a Web Vital, or a moment that pages mark themselves; the other of the two is None."""

    vital: Vital | None = None
    timing: str | None = None

    @property
    def name(self) -> str:
        """As people call it: ``LCP``, ``panels_complete``."""
        return self.vital.upper() if self.vital is not None else self.timing or ""

    def of(self, visit: Visit) -> float | None:
        """What a visit tells of it; None where it does not."""
        if self.vital is not None:
            return visit.values.get(self.vital)
        return visit.timings.get(self.timing or "")

    def why_missing(self, visit: Visit) -> str:
        """Why a visit does not tell of it."""
        return _UNMARKED if self.vital is None else visit.missing.get(self.vital, "it was not told of")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What a group of visits tells of one measure."""

    told: tuple[float, ...]
    failed: int
    missing: int
    why_missing: str | None
    """What was most often the reason."""

    @classmethod
    def of(cls, visits: Iterable[Visit], subject: Subject) -> "Sample":
        """The values of the visits that went well; what a failed one told before it failed decides nothing."""
        told: list[float] = []
        missing: Counter[str] = Counter()
        failed = 0
        for visit in visits:
            if visit.failed is not None:
                failed += 1
            elif (value := subject.of(visit)) is not None:
                told.append(value)
            else:
                missing[subject.why_missing(visit)] += 1
        why = missing.most_common(1)[0][0] if missing else None
        return cls(told=tuple(told), failed=failed, missing=missing.total(), why_missing=why)

    @property
    def samples(self) -> int:
        """Visits that count: those that told of it, and those that failed."""
        return len(self.told) + self.failed

    def above(self, threshold: float) -> int:
        """How many samples are bad."""
        return sum(value > threshold for value in self.told) + self.failed

    def measured(self, q: float) -> Measured:
        """The ``q``-quantile, where failed visits are worse than any other, and missing ones may be anything."""
        known = {"samples": self.samples, "failed": self.failed, "missing": self.missing}
        if not self.told:
            return Measured(**known, number=None, low=None, high=None, at_least=self.failed > 0)
        values = [*self.told, *[math.inf] * self.failed]
        value = percentile(values, q).value
        low = percentile([*values, *[-math.inf] * self.missing], q).low
        high = percentile([*values, *[math.inf] * self.missing], q).high
        number = value if math.isfinite(value) else max(self.told)
        return Measured(
            **known,
            number=number,
            low=_finite(min(low, number)),
            high=_finite(high),
            at_least=math.isinf(value),
        )


def grouped(visits: Iterable[Visit]) -> dict[Place, list[Visit]]:
    """The visits to each page in each lane, in the order in which they began, as the pages come in it.

    Those that failed before they came to a page are among all groups of their script and lane: nobody knows to which
    they would have come.
    """
    groups: dict[Place, list[Visit]] = {}
    lost: dict[tuple[str, str], list[Visit]] = {}
    for visit in sorted(visits, key=_number):
        if visit.page is None:
            lost.setdefault((visit.visit, visit.lane), []).append(visit)
        else:
            groups.setdefault((visit.page, visit.visit, visit.lane), []).append(visit)
    return {place: sorted([*group, *lost.get(place[1:], ())], key=_number) for place, group in groups.items()}


def cells(visits: Sequence[Visit]) -> tuple[Cell, ...]:
    """Every measure of each page in each lane, in the order in which visits came to them; vitals before moments.

    Of a page's moments, those that most visits tell of: 40 at most.
    """
    groups = grouped(visits)
    marked: dict[str, Counter[str]] = {}
    for (page, _, _), group in groups.items():
        for visit in group:
            marked.setdefault(page, Counter()).update(visit.timings.keys())
    vitals = [Subject(vital=vital) for vital in VITALS]
    return tuple(
        _cell(page, script, lane, group, subject)
        for (page, script, lane), group in groups.items()
        for subject in (*vitals, *_moments(marked[page]))
    )


def _moments(marked: Counter[str]) -> list[Subject]:
    """Those that most visits tell of, by their names."""
    most = sorted(marked, key=lambda name: (-marked[name], name))[:_MOST_TIMINGS]
    return [Subject(timing=name) for name in sorted(most)]


def _cell(page: str, script: str, lane: str, visits: Sequence[Visit], subject: Subject) -> Cell:
    sample = Sample.of(visits, subject)
    measured = sample.measured(float(JUDGED_BY))
    elements = Counter(visit.lcp_element for visit in visits if visit.lcp_element is not None)
    return Cell(
        **measured.model_dump(),
        page=page,
        visit=script,
        lane=lane,
        vital=subject.vital,
        timing=subject.timing,
        rating=None if subject.vital is None else _rating(subject.vital, measured),
        why_missing=sample.why_missing,
        element=elements.most_common(1)[0][0] if subject.vital == "lcp" and elements else None,
    )


def _rating(vital: Vital, measured: Measured) -> Rating | None:
    if measured.at_least:
        return "poor"
    return None if measured.number is None else rating(vital, measured.number)


def rating(vital: Vital, value: float) -> Rating:
    """Whether a value is good, by the bounds that everybody uses."""
    limits = VITAL_BOUNDS[vital]
    # As floats: no float is the decimal 0.1, and that of 0.1 is above it.
    if value <= float(limits.good):
        return "good"
    return "needs-improvement" if value <= float(limits.poor) else "poor"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
