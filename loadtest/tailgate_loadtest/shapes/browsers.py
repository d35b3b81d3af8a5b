"""The browsers of a profile: what they visit, again and again, while the load is on, and as what.

browsers:
  - visit: dashboard         # one that comes with the package, or a script beside the profile: ./checkout.js
    count: 2                 # so many at once
    device: phone            # or desktop
    network: 4g              # what its network is made to be; none: as it is
    cpu: 4                   # how many times slower its processor is made
    every: 10s               # from the beginning of a visit to that of the next; without it, one after the other
"""

from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from typing import Any

from tailgate_loadtest.errors import ProfileError
from tailgate_loadtest.shapes import keys

MOST_BROWSERS = 16
"""At once: of all entries of a profile together, or of all lanes of a plan."""
MOST_CPU = 20.0
"""How many times slower a processor can be made: beyond it nothing else is seen."""
LONGEST_EVERY = 3600.0
_SCRIPTS = (".js", ".mjs")
_KEYS = ("visit", "count", "device", "network", "cpu", "every")


@dataclass(frozen=True, kw_only=True)
class Browser:
    """One or more browsers that make the same visit, again and again."""

    visit: str
    """One that comes with the package, by its name, or the path of a script."""
    count: int = 1
    device: str = "desktop"
    network: str = "none"
    cpu: float = 1.0
    """How many times slower its processor is made."""
    every: float = 0.0
    """Seconds from the beginning of a visit to that of the next, unless it takes longer; 0: one after the other."""


def is_script(visit: str) -> bool:
    """Whether a visit is a script's path rather than a name."""
    return visit.endswith(_SCRIPTS) or "/" in visit


def read_browsers(raw: Any, where: str, directory: Path) -> tuple[Browser, ...]:
    """The browsers of a profile, whose scripts stand in ``directory`` or below it.

    Which devices and networks there are is for who starts browsers to say.

    Raises:
        ProfileError: naming the place, the value, and what would be right.
    """
    if not isinstance(raw, list):
        raise ProfileError(f"{where}: {short(raw)} must be a list of browsers like {{visit: dashboard, count: 2}}")
    if len(raw) > MOST_BROWSERS:
        raise ProfileError(f"{where}: {len(raw)} entries; {MOST_BROWSERS} are the most")
    browsers = tuple(_browser(entry, f"{where}[{i}]", directory) for i, entry in enumerate(raw))
    if (together := sum(browser.count for browser in browsers)) > MOST_BROWSERS:
        raise ProfileError(f"{where}: {together} browsers together; {MOST_BROWSERS} are the most")
    return browsers


def _browser(raw: Any, where: str, directory: Path) -> Browser:
    entry = keys.mapping(raw, where, "a browser")
    keys.known(entry, where, _KEYS)
    visit = keys.text(entry.get("visit"), f"{where}.visit")
    if not visit:
        raise ProfileError(f"{where}.visit: is empty; name a visit, or a script such as ./checkout.js")
    every = keys.duration(entry.get("every", 0), f"{where}.every")
    if every > LONGEST_EVERY:
        raise ProfileError(f"{where}.every: {short(entry['every'])} is longer than an hour")
    return Browser(
        visit=str(directory / visit) if is_script(visit) else visit,
        count=keys.whole(entry.get("count", 1), f"{where}.count", 1, MOST_BROWSERS),
        device=keys.text(entry.get("device", "desktop"), f"{where}.device"),
        network=keys.text(entry.get("network", "none"), f"{where}.network"),
        cpu=keys.number(entry.get("cpu", 1), f"{where}.cpu", 1, MOST_CPU),
        every=every,
    )
