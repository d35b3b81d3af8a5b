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


def find_in(directory: Path, *given: str | None, reference: bool) -> Objectives | None:
    """The same of another state of the project, which has its files in a directory of its own.

    Of the files ``given``, and then slo.yaml, the first that is there: what one state calls otherwise, or has no more,
    another has all the same. In the reference API's own project its objectives are a file like any other, and each
    state has its own.

    Raises:
        SloError: the file is wrong.
    """
    known = [Path(each) for each in given if each is not None]
    if not reference:
        known.append(DEFAULT)
    elif (own := tailgate_slo.reference_path()).is_relative_to(Path.cwd()):
        known.append(own.relative_to(Path.cwd()))
    here = next((path for each in known if (path := directory / each).is_file()), None)
    if here is None:
        return find(None, reference=True) if reference else None
    return tailgate_slo.load(here)


def how_many(number: int) -> str:
    """So many objectives, in words."""
    return "1 objective" if number == 1 else f"{number} objectives"
