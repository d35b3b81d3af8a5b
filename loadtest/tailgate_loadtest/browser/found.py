"""The browser, and what drives it, as they are on this machine."""

import importlib.util
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tailgate_otel import names

from tailgate_loadtest.errors import BrowserError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
"""By what names Chromium is installed, the first that is found."""
MEASURE = Path(__file__).parent / "measure.js"
RUNNER = Path(__file__).parent / "runner.mjs"
_EXTRA = "pip install 'tailgate[browser]'"


@dataclass(frozen=True, kw_only=True)
class Browsing:
    """What a browser is driven with."""

    node: Path
    """Playwright's own interpreter of JavaScript."""
    driver: Path
    """The package ``playwright-core``."""
    chromium: Path
    version: str
    """Of the driver."""
    sandbox: bool
    """Whether Chromium keeps pages in its sandbox: as root it refuses to."""


def find(environ: Mapping[str, str]) -> Browsing:
    """What there is, or what is to be done.

    Raises:
        BrowserError: a part of it is missing; the message says how it is installed.
    """
    node, driver = _playwright()
    if not MEASURE.is_file():
        raise BrowserError(f"{MEASURE}: is not built; in a checkout: make setup, with npm installed")
    return Browsing(
        node=node,
        driver=driver,
        chromium=chromium(environ),
        version=_version(driver),
        sandbox=os.geteuid() != 0,
    )


def chromium(environ: Mapping[str, str]) -> Path:
    """Chromium: the one that the environment names, else the first on the path. Raises BrowserError."""
    if named := environ.get(names.ENV_CHROMIUM):
        if not os.access(named, os.X_OK) or not Path(named).is_file():
            raise BrowserError(f"{names.ENV_CHROMIUM}={named}: there is no such program; give the path of a Chromium")
        return Path(named)
    for program in PROGRAMS:
        if found := shutil.which(program, path=environ.get("PATH")):
            return Path(found)
    raise BrowserError(f"no Chromium is found; on Debian: apt-get install chromium, or set {names.ENV_CHROMIUM} to one")


def _playwright() -> tuple[Path, Path]:
    spec = importlib.util.find_spec("playwright")
    if spec is None or spec.origin is None:
        raise BrowserError(f"browsers are driven by the package playwright, which is not installed: {_EXTRA}")
    directory = Path(spec.origin).parent / "driver"
    node, driver = directory / "node", directory / "package"
    if not node.is_file() or not driver.is_dir():
        raise BrowserError(f"{directory}: holds no driver; install playwright again: {_EXTRA}")
    return node, driver


def _version(driver: Path) -> str:
    try:
        return str(json.loads((driver / "package.json").read_bytes())["version"])
    except (OSError, ValueError, KeyError) as error:
        raise BrowserError(f"{driver}: is no package of a driver; install playwright again: {_EXTRA}") from error
