"""The run bundle: a directory in which the stages meet."""

import contextlib
import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tailgate_loadtest.browser.recording import FILE
from tailgate_loadtest.errors import ANEW, BundleError
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.run.document import SCHEMA, Model, RunDocument

Document = TypeVar("Document", bound=Model)


class Bundle:
    """One run on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._latencies: LatencyLog | None = None

    @classmethod
    def create(cls, out: Path, revision: str) -> "Bundle":
        """Make a directory for a new run under ``out``, named by the time and the revision.

        Raises:
            BundleError: it cannot be made.
        """
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            latest = out / "latest"
            if latest.exists() and not latest.is_symlink():
                raise BundleError(f"{latest}: is no link of ours; move it away, `latest` leads to the newest run")
            out.mkdir(parents=True, exist_ok=True)
            ignore = out / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="ascii")
            for attempt in range(100):
                path = out / (f"{stamp}-{revision}" + (f"-{attempt}" if attempt else ""))
                with contextlib.suppress(FileExistsError):
                    path.mkdir()
                    return cls(path)
        except OSError as error:
            raise BundleError(f"{out}: no bundle can be written there: {error.strerror}; give another --out") from error
        raise BundleError(f"{out}: holds a hundred runs of this very second already")

    @classmethod
    def open(cls, path: Path) -> "Bundle":
        """A bundle that is there already.

        Raises:
            BundleError: there is none.
        """
        if not (path / "run.json").is_file():
            raise BundleError(
                f"{path}: is no run bundle (it has no run.json); give a directory that `tailgate run` wrote"
            )
        return cls(path)

    def discard(self) -> None:
        """Remove it: nothing was measured."""
        shutil.rmtree(self.path)

    @property
    def log(self) -> Path:
        """The latency log."""
        return self.path / "latency.hlog"

    @property
    def traces(self) -> Path:
        """The kept traces, one a line."""
        return self.path / "traces.jsonl"

    @property
    def visits(self) -> Path:
        """What became of each visit of a browser, one a line; there is none where no browser was part of the run."""
        return self.path / FILE

    @property
    def account(self) -> Path:
        """Where the engine leaves its account of the load, for whoever started it."""
        return self.path / ".engine.json"

    @property
    def objectives(self) -> Path:
        """The objectives that the run was judged by; there is none when it was not."""
        return self.path / "slo.yaml"

    def read_run(self) -> RunDocument:
        """run.json. Raises BundleError when it is damaged, or of a schema newer than this reader."""
        return self.read_model("run.json", "tailgate/run/v", SCHEMA, RunDocument)

    def read_log(self) -> LatencyLog:
        """latency.hlog, whole; read once, since an hour's takes seconds. Raises BundleError."""
        if self._latencies is None:
            self._latencies = LatencyLog.load(self.log)
        return self._latencies

    def read_model(self, name: str, family: str, schema: str, model: type[Document], cure: str = ANEW) -> Document:
        """A JSON file of the bundle, its schema checked, as the document that it is.

        Raises:
            BundleError: it is missing, of a schema newer than this reader, or damaged: then with the ``cure``.
        """
        raw = self.read_json(name, family, schema, cure)
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise BundleError(f"{self.path / name}: {where}: {first['msg']}; {cure}") from error

    def read_json(self, name: str, family: str, schema: str, cure: str = ANEW) -> dict[str, Any]:
        """A JSON file of the bundle, its schema checked. Raises BundleError as ``read_model`` does."""
        path = self.path / name
        try:
            raw = json.loads(path.read_bytes())
        except OSError as error:
            raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{path}: is not JSON: {error}; {cure}") from error
        found = raw.get("schema") if isinstance(raw, dict) else None
        if found != schema:
            newer = isinstance(found, str) and found.startswith(family)
            hint = "written by a newer tailgate; update this one" if newer else f"not a {schema} document"
            raise BundleError(f"{path}: has schema {found!r}: {hint}")
        return raw  # type: ignore[no-any-return]  # a dict, or it would have no schema

    def take_account(self) -> dict[str, Any]:
        """The engine's account, which is gone then; empty when it has left none."""
        try:
            account: dict[str, Any] = json.loads(self.account.read_bytes())
        except FileNotFoundError:
            return {}
        self.account.unlink()
        return account

    def write_json(self, name: str, document: Any) -> None:
        """Write a JSON file of the bundle, whole or not at all."""
        self.write_text(name, json.dumps(document, indent=1, allow_nan=False) + "\n")

    def write_model(self, name: str, document: Model) -> None:
        """Write a document as JSON, whole or not at all. Raises BundleError when it cannot be written."""
        self.write_text(name, document.model_dump_json(by_alias=True, indent=1) + "\n")

    def write_run(self, document: RunDocument) -> None:
        """Write run.json."""
        self.write_model("run.json", document)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file of the bundle, whole or not at all. Raises BundleError when it cannot be written."""
        part = self.path / f".{name}.part"
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(self.path / name)
        except OSError as error:
            raise BundleError(f"{self.path / name}: cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)

    def point_latest(self) -> None:
        """Let ``latest`` beside it lead here. Raises BundleError when it cannot."""
        temporary = self.path.parent / f".latest-{self.path.name}"
        try:
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(self.path.name)
            temporary.replace(self.path.parent / "latest")
        except OSError as error:
            raise BundleError(f"{self.path.parent / 'latest'}: cannot be made: {error.strerror}") from error
