"""Which objectives file holds: the one given, the working directory's, or that of the reference API."""

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
    if DEFAULT.is_file():
        return tailgate_slo.load(DEFAULT)
    return tailgate_slo.load(tailgate_slo.reference_path()) if reference else None
