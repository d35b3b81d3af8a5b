"""visits.jsonl: what became of each visit, a line of JSON each. In seconds; CLS is a score."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tailgate_slo.model import Vital

from tailgate_loadtest.errors import BundleError

SCHEMA: Literal["tailgate/visit/v1"] = "tailgate/visit/v1"
FILE = "visits.jsonl"
PICTURES = "pictures"
"""The directory beside it."""
_LONGEST_LINE = 64 * 1024
_UNTOLD: dict[str, object] = {
    "timings": {},
    "lcp_element": None,
    "console": (),
    "warnings": ("it told more than a line can hold",),
}


class Model(BaseModel):
    """What all parts share: nothing unknown is taken, nor NaN or infinity; nothing changes after it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Visit(Model):
    """One visit to one page."""

    schema_: Literal["tailgate/visit/v1"] = Field(default=SCHEMA, alias="schema")
    number: int = Field(ge=1)
    """In the order in which visits began, over all lanes."""
    lane: str
    visit: str
    """The name of the script; ``visit`` where there was none."""
    page: str | None
    """The path of the document that was measured, or the template that the script names. None: the visit failed before
    any document came, and its script names no page."""
    began: float
    """Since the run's beginning; logging in comes before."""
    seconds: float = Field(ge=0)
    """Until the script returned, or failed."""
    values: Mapping[Vital, float]
    """The Web Vitals that there were."""
    timings: Mapping[str, float] = {}
    """What the page marked itself, since its navigation began."""
    missing: Mapping[Vital, str] = {}
    """Why there is none of a measure."""
    lcp_element: str | None = None
    """The element that was painted last of all that were the largest until then, as a selector."""
    trace_id: str
    """Of the requests to the host's origin."""
    failed: str | None = None
    """Why it failed, if so."""
    pictures: Mapping[Literal["lcp", "end"], str] = {}
    """Files, by their paths from here. Only some visits keep theirs: see :mod:`tailgate_loadtest.browser.pictures`."""
    picture_seconds: float = 0.0
    """How long its pictures took while the visit still ran: more processor time than it had without."""
    requests: int = 0
    bytes: int = 0
    """Received by its requests, as they came over the network."""
    console: tuple[str, ...] = ()
    """The first few errors that the page told of."""
    warnings: tuple[str, ...] = ()

    @property
    def felt(self) -> float:
        """When the page was whole for whoever looked at it, in seconds since its navigation began.

        It is the latest of its largest paint and of the moments that it marks itself; where nothing is known of either,
        the whole visit stands for it.
        """
        painted = [self.values["lcp"]] if "lcp" in self.values else []
        return max([*painted, *self.timings.values()], default=self.seconds)


class Recording:
    """Writes visits as they end, anew, and makes the place of their pictures. A context manager.

    Raises:
        BundleError: on making, writing or closing: the directory cannot be written to.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        with self._writing():
            (directory / PICTURES).mkdir(exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, visit: Visit) -> None:
        """Add one visit: should this process be killed, it is on disk all the same."""
        with self._writing():
            self._file.write(_line(visit))
            self._file.flush()

    def close(self) -> None:
        """Close the file. No visit names a picture that was not kept, and none is kept that no visit names."""
        if self._file.closed:
            return
        part = self.path.with_suffix(".part")
        named: set[str] = set()
        with self._writing():
            self._file.close()
            with part.open("w", encoding="utf-8") as file:
                for visit in map(self._with_what_is_there, read(self.path)):
                    named.update(visit.pictures.values())
                    file.write(_line(visit))
            part.replace(self.path)
            for picture in (self.path.parent / PICTURES).glob("*.jpg"):
                if f"{PICTURES}/{picture.name}" not in named:
                    picture.unlink()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BundleError(f"{self.path}: cannot be written: {error.strerror}") from error

    def _with_what_is_there(self, visit: Visit) -> Visit:
        there = {kind: path for kind, path in visit.pictures.items() if (self.path.parent / path).is_file()}
        return visit if there == visit.pictures else visit.model_copy(update={"pictures": there})


def read(path: Path) -> Iterator[Visit]:
    """The visits of a file, in the order in which they ended.

    Raises:
        BundleError: it cannot be read, or a line is no visit. A last line that breaks off, as a killed run may leave
            it, is left out.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_LONGEST_LINE + 1):
                number += 1
                if len(line) > _LONGEST_LINE:
                    raise BundleError(f"{path}: line {number} is longer than {_LONGEST_LINE} bytes")
                if line.endswith(b"\n"):
                    yield _visit(line, f"{path}: line {number}")
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error


def _line(visit: Visit) -> str:
    """A visit as it can be read again; where it has too much to tell, without what pages may say at length."""
    line = _dumped(visit)
    # In ASCII alone: so many letters are so many bytes.
    return line if len(line) <= _LONGEST_LINE else _dumped(visit.model_copy(update=_UNTOLD))


def _dumped(visit: Visit) -> str:
    return json.dumps(visit.model_dump(mode="json", by_alias=True), allow_nan=False) + "\n"


def _visit(line: bytes, where: str) -> Visit:
    try:
        return Visit.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"])) or "the line"
        if at == "schema" and str(first["input"]).startswith("tailgate/visit/v"):
            newer = f"has schema {first['input']!r}: written by a newer tailgate; update this one"
            raise BundleError(f"{where}: {newer}") from error
        raise BundleError(f"{where}: is no visit: {at}: {first['msg']}") from error
