"""An objectives file, from its bytes to the model."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .alerting import read_alerting
from .errors import DocumentError, DocumentsError, FileError
from .gate import read_gate
from .metrics import read_metrics
from .model import SLO, Alerting, Gate, Metrics, Objectives
from .nearest import suggestion
from .node import Document, Node
from .openslo import read_indicator, read_metadata, read_slo
from .stream import Tree, read_stream

LARGEST_BYTES = 1 << 20

_OPENSLO, _OURS = "openslo/v1", "tailgate/v1"
_READ_PAST = ("AlertPolicy", "AlertCondition", "AlertNotificationTarget")
_KINDS = {_OPENSLO: ("SLO", "SLI", "Service", "DataSource", *_READ_PAST), _OURS: ("Gate", "Metrics")}
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


def load(path: Path | str) -> Objectives:
    """The objectives of a file, at most 1 MiB of UTF-8.

    Raises SloError, whose message names the file, the document, the line, the key, the value and the cure; where
    several documents are wrong, DocumentsError with the first mistake of each.
    """
    return parse(read_bytes(path), str(path))


def read_bytes(path: Path | str) -> bytes:
    """A file's bytes, of which there may be one more than `read_text` takes. Raises FileError."""
    try:
        with Path(path).open("rb") as file:
            return file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileError(f"{path}: cannot be read: {reason}") from None


def read_text(data: bytes, file: str) -> str:
    """A file's bytes as text; ``file`` is its name for messages. Raises FileError."""
    if len(data) > LARGEST_BYTES:
        raise FileError(f"{file}: larger than {LARGEST_BYTES >> 10} KiB. Split it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{file}: not UTF-8 at byte {error.start}") from None


def parse(data: bytes, file: str) -> Objectives:
    """The objectives of a file's bytes; ``file`` is its name for messages. Raises as `load` does."""
    text = read_text(data, file)
    mistakes, entries = _Mistakes(), list[_Entry]()
    for number, tree in read_stream(text, file):
        with mistakes.noted():
            entries.append(_entry(file, number, tree))
    # What cannot be read is missing to whoever refers to it, and that is no mistake of theirs.
    mistakes.end()
    _refuse_repeats(entries)
    slos = _slos(entries, mistakes)
    mistakes.end()
    gates, metrics = _gates(entries, slos, mistakes), _metrics(entries, mistakes)
    mistakes.end()
    if not slos:
        raise FileError(f"{file}: holds no document of kind SLO, so there is nothing to keep")
    return Objectives(
        file=file,
        digest=hashlib.sha256(data).hexdigest(),
        text=data.decode("utf-8"),
        slos=slos,
        gates=gates,
        metrics=metrics,
        ignored=tuple(f"{entry.kind} {entry.name}" for entry in entries if entry.kind in _READ_PAST),
    )


class _Mistakes:
    """The first mistake of each document."""

    def __init__(self) -> None:
        self._found: dict[int, DocumentError] = {}

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Goes on after a mistake; what the block was to find is then not found."""
        try:
            yield
        except DocumentError as error:
            self._found.setdefault(error.document, error)

    def end(self) -> None:
        """Raise what was noted, if anything."""
        if len(self._found) == 1:
            raise next(iter(self._found.values()))
        if self._found:
            raise DocumentsError([self._found[document] for document in sorted(self._found)])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    kind: str
    name: str
    node: Node

    @property
    def fields(self) -> Mapping[str, Node]:
        return self.node.fields(("apiVersion", "kind", "metadata", "spec"))


def _entry(file: str, number: int, tree: Tree) -> _Entry:
    node = Node(document=Document(file=file, number=number, title=_title(tree)), tree=tree)
    fields = node.fields(("apiVersion", "kind", "metadata"), ("spec",))
    version = fields["apiVersion"].one_of(tuple(_KINDS))
    kind = fields["kind"].one_of(_KINDS[version])
    metadata = fields["metadata"]
    if kind in _READ_PAST:
        return _Entry(
            kind=kind,
            name=metadata.mapping()["name"].text() if "name" in metadata.mapping() else "",
            node=node,
        )
    name = read_metadata(metadata)["name"]
    if not _NAME.fullmatch(name):
        raise metadata.mapping()["name"].error(
            "not a name",
            "Use at most 63 lower-case letters, digits, dots and dashes, a letter or digit at both ends",
        )
    return _Entry(kind=kind, name=name, node=node)


def _title(tree: Tree) -> str | None:
    """Kind and name as far as they can be had, before anything is checked."""
    root = tree.content if isinstance(tree.content, Mapping) else {}
    metadata = root["metadata"].content if "metadata" in root else None
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    words = [part.content for part in (root.get("kind"), name) if part and isinstance(part.content, str)]
    return " ".join(words)[:80] or None


def _refuse_repeats(entries: Iterable[_Entry]) -> None:
    seen: dict[tuple[str, str], _Entry] = {}
    for entry in entries:
        first = seen.setdefault((entry.kind, entry.name), entry)
        if first is not entry:
            raise entry.node.error(
                f"document {first.node.document.number} is a {entry.kind} of the same name",
                "Rename one of them",
            )


def _slos(entries: Sequence[_Entry], mistakes: _Mistakes) -> tuple[SLO, ...]:
    named = {kind: {e.name: e for e in entries if e.kind == kind} for kind in ("SLI", "DataSource", "Service")}
    indicators = {name: entry.fields["spec"] for name, entry in named["SLI"].items()}
    for indicator in indicators.values():
        with mistakes.noted():
            read_indicator(indicator)
    sources = {name: _source_type(entry) for name, entry in named["DataSource"].items()}
    alerting = {name: _service_alerting(entry) for name, entry in named["Service"].items()}
    slos: dict[str, SLO] = {}
    for entry in entries:
        if entry.kind != "SLO":
            continue
        with mistakes.noted():
            for slo in read_slo(entry.name, entry.node, indicators, sources, alerting):
                if slo.name in slos:
                    raise entry.node.error(f"gives a second objective named {slo.name}", "Rename one of them")
                if named["Service"] and slo.service not in named["Service"]:
                    service = entry.fields["spec"].mapping()["service"]
                    cure = suggestion(slo.service, named["Service"])
                    raise service.error("the file has no Service of that name", cure)
                slos[slo.name] = slo
    return tuple(slos.values())


def _source_type(entry: _Entry) -> str:
    fields = entry.fields["spec"].fields(("type",), ("description", "connectionDetails"))
    return fields["type"].text()


def _service_alerting(entry: _Entry) -> Alerting:
    fields = entry.node.fields(("apiVersion", "kind", "metadata"), ("spec",))
    if "spec" in fields:
        fields["spec"].fields((), ("description",))
    return read_alerting(fields["metadata"])


def _metrics(entries: Iterable[_Entry], mistakes: _Mistakes) -> Metrics:
    found = [entry for entry in entries if entry.kind == "Metrics"]
    with mistakes.noted():
        if len(found) > 1:
            raise found[1].node.error("a second document of kind Metrics", "Keep one")
        if found:
            return read_metrics(found[0].node)
    return Metrics()


def _gates(entries: Iterable[_Entry], slos: Iterable[SLO], mistakes: _Mistakes) -> tuple[Gate, ...]:
    names = [slo.name for slo in slos]
    gates: dict[str | None, Gate] = {}
    for entry in entries:
        if entry.kind != "Gate":
            continue
        with mistakes.noted():
            gate = read_gate(entry.name, entry.node, names)
            if other := gates.get(gate.profile):
                what = f"profile {gate.profile}" if gate.profile else "every profile"
                raise entry.node.error(f"gate {other.name} already judges {what}", "Keep one of them")
            gates[gate.profile] = gate
    return tuple(gates.values())
