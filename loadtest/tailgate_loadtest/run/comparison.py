"""A comparison of two sides on disk: a bundle of each, what each answered to the probe, and what came of it."""

from pathlib import Path

from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.shapes.sides import SIDES, Side

DOCUMENT = "comparison.json"


class Comparison:
    """The directory of one comparison."""

    def __init__(self, directory: Bundle) -> None:
        self.directory = directory

    @classmethod
    def create(cls, out: Path, revision: str) -> "Comparison":
        """Make one under ``out``, named by the time and the revision. Raises BundleError."""
        made = cls(Bundle.create(out, f"{revision}-ab"))
        for side in SIDES:
            made._make(side.value)
        made._make("probe")
        return made

    @classmethod
    def found(cls, path: Path) -> "Comparison | None":
        """The one in a directory, or None if it holds none."""
        # A link has a name of its own.
        path = path.resolve()
        return cls(Bundle(path)) if (path / DOCUMENT).is_file() else None

    @property
    def id(self) -> str:
        """Its name."""
        return self.directory.path.name

    def bundle(self, side: Side) -> Bundle:
        """The run of a side."""
        return Bundle(self.directory.path / side.value)

    def probe(self, side: Side) -> Path:
        """What a side answered to the probe."""
        return self.directory.path / "probe" / f"{side}.jsonl"

    def discard(self) -> None:
        """Remove it: nothing was measured."""
        self.directory.discard()

    def _make(self, name: str) -> None:
        try:
            (self.directory.path / name).mkdir()
        except OSError as error:
            raise BundleError(f"{self.directory.path / name}: cannot be made: {error.strerror}") from error
