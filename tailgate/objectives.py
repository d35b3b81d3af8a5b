"""Which objectives hold: those of the file given, the reference API's own, or the working directory's."""

from pathlib import Path

import tailgate_slo
from tailgate_slo import Objectives

DEFAULT = Path("slo.yaml")


def find(given: str | None, *, reference: bool) -> Objectives | None:
    """The objectives to judge by, None when there are none; ``reference``: the reference API is what is loaded.

    Raises:
        SloError: the file is missing or wrong.
    """
    if given is not None:
        return tailgate_slo.load(Path(given))
    if reference:
        # slo.yaml in a working directory is about one's own API.
        return tailgate_slo.load(tailgate_slo.reference_path())
    return tailgate_slo.load(DEFAULT) if DEFAULT.is_file() else None


def how_many(number: int) -> str:
    """So many objectives, in words."""
    return "1 objective" if number == 1 else f"{number} objectives"
