"""What became of all visits, and what the browsers themselves did to them."""

from collections import Counter
from collections.abc import Iterable, Mapping

from pydantic import Field
from tailgate_slo.model import Vital

from tailgate_loadtest.browser.plan import BrowserPlan, Lane
from tailgate_loadtest.browser.recording import Model, Visit


class LaneAccount(Model):
    """One lane: its conditions, and its visits."""

    name: str
    visit: str
    count: int
    """Browsers."""
    device: str
    network: str
    cpu: float
    every: float
    visits: int | None
    """That were asked for; None: as many as there was time for."""
    begun: int
    ended: int
    failed: int
    """Of those that ended."""
    missing: Mapping[Vital, int]
    """Of those that did not fail, how many were without a measure."""


class Load(Model):
    """What the browsers and whoever drives them did to the machine, and so to what they measured."""

    cpu_seconds: float = 0.0
    """Processor time of all browsers and of whoever drives them."""
    loop_delay_p99: float = 0.0
    """Seconds for which the driver's loop stood still."""
    loop_delay_max: float = 0.0
    late_max: float = 0.0
    """Seconds by which a visit began later than its lane's ``every`` says."""
    picture_seconds: float = 0.0
    """That pictures took while visits still ran."""
    seconds: float = 0.0
    """From the first visit's beginning to the last one's end."""


class Account(Model):
    """All visits."""

    browser: str
    """Such as ``Chromium 156.0.7100.0``."""
    driver: str
    """Such as ``playwright-core 1.65.1``."""
    lanes: tuple[LaneAccount, ...]
    begun: int
    ended: int
    failed: int
    cut: int
    """Begun, and neither ended nor failed: they were cut off, and are written nowhere."""
    missing: Mapping[Vital, int]
    died: str | None = None
    """Why the browsers' driver came to an end by itself, if so: what it was to do since then is lost."""
    interrupted: str | None = None
    """The signal by which visits were cut off, if so."""
    load: Load = Field(default_factory=Load)
    warnings: tuple[str, ...] = ()


class Tally:
    """Counts visits as they begin and end."""

    def __init__(self, plan: BrowserPlan) -> None:
        self._plan = plan
        self._begun: Counter[int] = Counter()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._failed: Counter[tuple[str, str]] = Counter()
        self._missing: dict[tuple[str, str], Counter[Vital]] = {}
        self._warnings: dict[str, None] = {}
        self.picture_seconds = 0.0

    def begin(self, lane: int) -> None:
        """A visit of the n-th lane begins."""
        self._begun[lane] += 1

    def end(self, visit: Visit) -> None:
        """A visit has ended, well or not."""
        key = visit.visit, visit.lane
        self._ended[key] += 1
        self.picture_seconds += visit.picture_seconds
        if visit.failed is None:
            self._missing.setdefault(key, Counter()).update(visit.missing.keys())
        else:
            self._failed[key] += 1
        self.warn(visit.warnings)

    def warn(self, warnings: Iterable[str]) -> None:
        """Keep what is to be said of visits, each once, and not without end."""
        for warning in warnings:
            if len(self._warnings) < 50:
                self._warnings[warning] = None

    def account(
        self, *, browser: str, driver: str, load: Load, died: str | None = None, interrupted: str | None = None
    ) -> Account:
        """All that was counted."""
        lanes = tuple(self._lane(index, lane) for index, lane in enumerate(self._plan.lanes))
        missing: Counter[Vital] = Counter()
        for lane in lanes:
            missing.update(lane.missing)
        begun, ended = sum(lane.begun for lane in lanes), sum(lane.ended for lane in lanes)
        return Account(
            browser=browser,
            driver=driver,
            lanes=lanes,
            begun=begun,
            ended=ended,
            failed=sum(lane.failed for lane in lanes),
            cut=begun - ended,
            missing=dict(missing),
            died=died,
            interrupted=interrupted,
            load=load,
            warnings=tuple(self._warnings),
        )

    def _lane(self, index: int, lane: Lane) -> LaneAccount:
        key = lane.visit_name, lane.name
        return LaneAccount(
            name=lane.name,
            visit=lane.visit_name,
            count=lane.count,
            device=lane.device,
            network=lane.network,
            cpu=lane.cpu,
            every=lane.every,
            visits=lane.visits,
            begun=self._begun[index],
            ended=self._ended[key],
            failed=self._failed[key],
            missing=dict(self._missing.get(key, {})),
        )
