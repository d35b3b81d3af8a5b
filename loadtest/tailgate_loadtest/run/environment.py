"""Where a run took place: what a reader of its bundle would want to know when two runs differ."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

Fact = str | int | float | bool | None


def revision() -> str:
    """The short git hash of the working directory; ``nogit`` outside a checkout."""
    return _git("rev-parse", "--short=12", "HEAD") or "nogit"


def facts() -> dict[str, Fact]:
    """The machine, the interpreter, the packages that put load on, and the checkout's state."""
    return {
        "revision": revision(),
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_before": os.getloadavg()[0],
        "locust": version("locust"),
        "gevent": version("gevent"),
    }


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux; the platform's own word will do
    return platform.processor()
