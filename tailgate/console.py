"""How the command speaks: results on standard output, all else on standard error."""

import json
import os
import sys
from typing import Any

from rich.console import Console

USAGE = 2


def out() -> Console:
    """Where results go. Rich itself heeds NO_COLOR."""
    return Console(soft_wrap=False)


def err() -> Console:
    """Where progress and complaints go."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def interactive() -> bool:
    """Whether a person looks on: a terminal, and not a CI job."""
    return sys.stderr.isatty() and os.environ.get("CI", "").lower() not in ("true", "1")


def complain(message: str) -> None:
    """One error."""
    err().print(f"tailgate: {message}", markup=False)


def say(message: str) -> None:
    """One line of progress."""
    err().print(message, markup=False)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    # Flushed at once: who reads it by a pipe may wait for it while the command goes on.
    print(json.dumps(document, indent=1, allow_nan=False), flush=True)  # noqa: T201
