"""Which browsers visit what, and how: decided before any of them starts."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tailgate_loadtest.browser.conditions import DEVICES, NETWORKS, DeviceName, NetworkName
from tailgate_loadtest.errors import PlanError
from tailgate_loadtest.shapes.browsers import MOST_BROWSERS, MOST_CPU

MOST_VISITS = 100_000
"""Of one lane."""
LONGEST_VISIT = 60.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/+-]{0,79}")


@dataclass(frozen=True, kw_only=True)
class Lane:
    """Browsers that do the same under the same conditions, each one visit after another."""

    visit: Path | None = None
    """The script, an ES module; None: the address is opened, looked at until it is quiet, and left."""
    count: int = 1
    """Browsers, each a Chromium of its own."""
    device: DeviceName = "desktop"
    network: NetworkName = "none"
    cpu: float = 1.0
    """The factor by which the page's processor is slower than the machine's."""
    every: float = 0.0
    """Seconds between the beginnings of one browser's visits; a longer visit delays the next."""
    visits: int | None = None
    """Of all its browsers together; None: until they are told to finish."""
    name: str = ""
    """By default its conditions: ``desktop``, or ``phone 4g cpu/4``."""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.conditions)
        for value, known, what in ((self.device, DEVICES, "device"), (self.network, NETWORKS, "network")):
            if value not in known:
                raise PlanError(f"{what} {value!r}: there is none of that name; there are {', '.join(known)}")
        if not _NAME.fullmatch(self.name):
            raise PlanError(f"lane {self.name!r}: is no name; take up to 80 letters, digits, blanks and ._/+-")
        if not 1 <= self.count <= MOST_BROWSERS:
            raise PlanError(f"lane {self.name!r}: {self.count} browsers; take from 1 to {MOST_BROWSERS}")
        if not 1.0 <= self.cpu <= MOST_CPU:  # as well where it is not a number
            raise PlanError(f"lane {self.name!r}: cpu {self.cpu:g} is no factor from 1 to {MOST_CPU:g}")
        if not 0.0 <= self.every < math.inf:
            raise PlanError(f"lane {self.name!r}: a visit every {self.every:g} s; take 0 s or more")
        if self.visits is not None and not 1 <= self.visits <= MOST_VISITS:
            raise PlanError(f"lane {self.name!r}: {self.visits} visits; take from 1 to {MOST_VISITS}")
        if self.visit is not None and not self.visit.is_file():
            raise PlanError(f"{self.visit}: there is no such visit script; give an ES module that exports a visit")

    @property
    def conditions(self) -> str:
        """Its device, and its network and processor where they are emulated."""
        network = "" if self.network == "none" else f" {self.network}"
        return f"{self.device}{network}" + ("" if self.cpu == 1 else f" cpu/{self.cpu:g}")

    @property
    def visit_name(self) -> str:
        """The script's name; ``visit`` where there is none."""
        return self.visit.stem if self.visit else "visit"


@dataclass(frozen=True, kw_only=True)
class BrowserPlan:
    """All browsers of a run."""

    host: str
    """The address that is visited, such as http://127.0.0.1:8000 or https://shop.example/orders?page=2. Scripts are
    given its origin; without a script all of it is opened."""
    lanes: tuple[Lane, ...]
    seed: int = 1
    """Of the numbers that scripts draw: the n-th visit of a lane draws the same in every run."""
    targets: Path | None = None
    """A JSON file that scripts are given, such as the reference service's targets file."""
    pictures: bool = True
    """Whether pictures are taken, at the largest contentful paint and at the end."""
    judged_from: float = 0.0
    """Seconds since the run's beginning; visits that begin before are no more than a warm-up, and keep no pictures."""
    insecure: bool = False
    """Whether any certificate is taken."""
    run_secret: str | None = field(default=None, repr=False)
    """Sent to the host's origin alone, as the engine does."""
    visit_within: float = LONGEST_VISIT
    """Seconds after which a visit has failed."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.host)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise PlanError(f"{self.host!r} is no address of a page; give one like http://127.0.0.1:8000")
        if parts.username or parts.password:
            raise PlanError("the address of the page holds a user name or password; sign in by the script's login")
        if not 1 <= len(self.lanes) <= MOST_BROWSERS:
            raise PlanError(f"{len(self.lanes)} lanes of browsers; take from 1 to {MOST_BROWSERS}")
        if (browsers := sum(lane.count for lane in self.lanes)) > MOST_BROWSERS:
            raise PlanError(f"{browsers} browsers; one machine takes at most {MOST_BROWSERS}: leave some out")
        seen = set()
        for lane in self.lanes:
            if (key := (lane.visit_name, lane.name)) in seen:
                raise PlanError(f"lane {lane.name!r} visits {lane.visit_name!r} twice; give one of them another name")
            seen.add(key)
        if not 0.0 < self.visit_within <= 10 * LONGEST_VISIT:
            raise PlanError(f"a visit within {self.visit_within:g} s; take up to {10 * LONGEST_VISIT:g} s")

    @property
    def origin(self) -> str:
        """Scheme, host and port of the address: where the visit's trace and the run's secret are sent."""
        parts = urlsplit(self.host)
        return f"{parts.scheme}://{parts.netloc}"
