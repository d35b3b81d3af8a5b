"""tailgate.yaml in the working directory: what the command line need not repeat.

host: http://127.0.0.1:8000
locustfile: locustfile.py
profile: smoke
slo: slo.yaml
metrics: http://127.0.0.1:9464/metrics
targets: .tailgate/targets.json
openapi: openapi.yaml
out: runs
"""

import difflib
from dataclasses import dataclass, fields
from pathlib import Path

from tailgate_loadtest.shapes import plain

from tailgate.errors import CommandError

FILE = Path("tailgate.yaml")
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The defaults of a working directory; None: not given."""

    host: str | None = None
    locustfile: str | None = None
    profile: str | None = None
    slo: str | None = None
    metrics: str | None = None
    targets: str | None = None
    openapi: str | None = None
    out: str | None = None


def load(path: Path = FILE) -> Settings:
    """The settings of a file; none at all when there is no such file.

    Raises:
        CommandError: naming the file, the key and what would be right.
    """
    try:
        with path.open("rb") as file:
            document = plain.read(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error
    if document is None:
        return Settings()
    if not isinstance(document, dict):
        raise CommandError(f"{path}: must be a mapping of keys to values")
    known = [field.name for field in fields(Settings)]
    for key, value in document.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise CommandError(f"{path}: unknown key {key!r}; {hint}")
        if not isinstance(value, str):
            raise CommandError(f"{path}: {key}: {value!r} must be text")
    return Settings(**document)
