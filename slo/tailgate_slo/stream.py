"""A YAML stream as trees that keep every value's text and line.

Only the parser's events are used: no tag is resolved and no object constructed, so ``0.95`` stays the text it
is, ``no`` is no boolean, and nothing in a file can run. Tags and aliases are refused (the latter can grow a
small file without bound), as are repeated keys and deep nesting.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from .errors import DocumentError

_DEEPEST = 32
# libyaml's parser where PyYAML was built with it, twenty times the speed of the one in Python.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """A value: ``content`` is text, a tuple of trees or a mapping of keys to trees; ``line`` counts from 1.

    ``plain`` says of text that it was written without quotes.
    """

    line: int
    content: "str | tuple[Tree, ...] | Mapping[str, Tree]"
    plain: bool = False

    @property
    def is_null(self) -> bool:
        """Whether it is YAML's way of writing nothing."""
        return self.plain and self.content in {"", "~", "null"}


def read_stream(text: str, file: str) -> Iterator[tuple[int, Tree]]:
    """The stream's documents with their numbers (from 1), empty ones left out.

    Raises DocumentError where the text is not YAML or uses what is refused.
    """
    composer = _Composer(yaml.parse(text, Loader=_LOADER), file)
    while (tree := composer.next_document()) is not None:
        if not tree.is_null:
            yield composer.document, tree


class _Composer:
    """Turns parser events into trees, a document at a time."""

    def __init__(self, events: Iterator[yaml.Event], file: str) -> None:
        self._events, self._file = events, file
        self.document = 0

    def next_document(self) -> Tree | None:
        while not isinstance(event := self._next(), yaml.DocumentStartEvent):
            if isinstance(event, yaml.StreamEndEvent):
                return None
        self.document += 1
        return self._value(self._next(), 0)

    def _next(self) -> yaml.Event:
        try:
            return next(self._events)
        except yaml.MarkedYAMLError as error:
            problem = " ".join(part for part in (error.context, error.problem) if part)
            cure = "Check the indentation, and quote texts that hold a colon"
            raise self._error(f"not YAML: {problem}", _line(error.problem_mark), cure) from None
        except yaml.YAMLError as error:
            raise self._error(f"not YAML: {str(error).splitlines()[0]}", 1) from None

    def _value(self, event: yaml.Event, depth: int) -> Tree:
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            raise self._error("aliases are not read", line, "Write the value out")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag not in {None, "!"}:
            raise self._error("tags are not read", line, "Write the plain value")
        if depth == _DEEPEST:
            raise self._error(f"nested more than {_DEEPEST} deep", line)
        if isinstance(event, yaml.ScalarEvent):
            return Tree(line=line, content=event.value, plain=not event.style)
        if isinstance(event, yaml.SequenceStartEvent):
            return Tree(line=line, content=self._sequence(depth))
        return Tree(line=line, content=self._mapping(depth))

    def _sequence(self, depth: int) -> tuple[Tree, ...]:
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, depth + 1))
        return tuple(items)

    def _mapping(self, depth: int) -> dict[str, Tree]:
        entries: dict[str, Tree] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            if not isinstance(key.content, str):
                raise self._error("a key must be a single word", key.line)
            if key.content in entries:
                first = entries[key.content].line
                raise self._error(f"the key {key.content} stands twice, first on line {first}", key.line, "Keep one")
            entries[key.content] = self._value(self._next(), depth + 1)
        return entries

    def _error(self, problem: str, line: int, cure: str = "") -> DocumentError:
        return DocumentError(problem, file=self._file, line=line, document=max(1, self.document), cure=cure)


def _line(mark: object) -> int:
    """A mark's line counted from 1; both parsers' marks count from 0, and share no type."""
    return getattr(mark, "line", 0) + 1
