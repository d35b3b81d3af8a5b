"""Files of other tools, from their bytes to objectives of ours."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tailgate_slo.errors import DocumentError, FileError
from tailgate_slo.loader import read_bytes, read_text
from tailgate_slo.node import Document, Node
from tailgate_slo.stream import read_stream

from . import pyrra, sloth
from .notes import Notes, as_name
from .taken import Imported, Taken

_KNOWN = f"Known: version: {sloth.VERSION} and {sloth.KIND} of Sloth, {pyrra.KIND} of Pyrra"


def import_files(paths: Sequence[Path]) -> Imported:
    """The objectives of files, each at most 1 MiB of UTF-8.

    Where a name is there twice, each gets its service's before it. Raises SloError where a file cannot be read, is
    not what its tool would take, or where nothing can be taken over.
    """
    taken: list[tuple[Taken, Node]] = []
    lost: list[str] = []
    left_out = 0
    for path in paths:
        notes = Notes()
        taken += _file(path, notes)
        lost += notes.lost
        left_out += notes.left_out
    if not taken:
        names = ", ".join(map(str, paths))
        raise FileError(" ".join([f"{names}: no objective could be taken over.", *lost]))
    renamed = Notes()
    objectives = tuple(_apart(taken, renamed))
    return Imported(
        sources=tuple(path.name for path in paths),
        objectives=objectives,
        lost=(*lost, *renamed.lost),
        left_out=left_out,
    )


def _file(path: Path, notes: Notes) -> Iterator[tuple[Taken, Node]]:
    file = str(path)
    for number, tree in read_stream(read_text(read_bytes(path), file), file):
        root = Node(document=Document(file=file, number=number), tree=tree)
        node = Node(document=Document(file=file, number=number, title=_title(root)), tree=tree)
        try:
            for taken in _document(node, notes):
                yield taken, node
        except DocumentError as error:
            notes.leave_out(error)


def _document(node: Node, notes: Notes) -> Iterator[Taken]:
    keys = node.mapping()
    version, kind = (_word(keys.get(key)) for key in ("apiVersion", "kind"))
    if _word(keys.get("version")) == sloth.VERSION:
        yield from sloth.read_specification(node, notes)
    elif (version, kind) == (sloth.API_VERSION, sloth.KIND):
        yield from sloth.read_resource(node, notes)
    elif (version, kind) == (pyrra.API_VERSION, pyrra.KIND):
        yield from pyrra.read_resource(node, notes)
    elif version == "openslo/v1":
        notes.leave_out(node.error("is OpenSLO already", "Put it into the file as it is"))
    else:
        notes.leave_out(node.error("is neither of Sloth nor of Pyrra", _KNOWN))


def _apart(taken: Sequence[tuple[Taken, Node]], notes: Notes) -> Iterator[Taken]:
    """The objectives, no two of a name."""
    times = Counter(each.name for each, _ in taken)
    seen = set()
    for each, node in taken:
        named = each
        if times[each.name] > 1:
            named = replace(each, name=as_name(f"{each.service}-{each.name}"))
            notes.add(node, f"{each.name} of {each.service} is called {named.name}", "The name stands twice")
        if named.name in seen:
            raise node.error(f"gives a second objective named {named.name}", "Rename one of them")
        seen.add(named.name)
        yield named


def _title(root: Node) -> str | None:
    """Kind and name, or the service, as far as they can be had."""
    content = root.tree.content
    if not isinstance(content, Mapping):
        return None
    metadata = content.get("metadata")
    named = metadata.content if metadata and isinstance(metadata.content, Mapping) else content
    parts = (content.get("kind"), named.get("name"), content.get("service"))
    words = [part.content for part in parts if part and isinstance(part.content, str)]
    return " ".join(words)[:80] or None


def _word(node: Node | None) -> str | None:
    return node.tree.content if node is not None and isinstance(node.tree.content, str) else None
