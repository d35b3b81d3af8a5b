"""Route templates such as ``GET /orders/{id}``, and which of them a path belongs to.

A template's segments are literals (``orders``), parameters (``{id}``), both in one (``{name}.json``), or a tail that
takes any number of segments (``{path:path}``, as Starlette writes it; ``{path+}``, ``{path...}`` and ``{*path}`` are
other frameworks' words for it). Where several templates fit, the most concrete one wins, as OpenAPI wants it: from the
left, a literal before a literal with a parameter, before a parameter, before a tail.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

_PARAMETER = re.compile(r"\{[^{}]*\}")
_TAIL = re.compile(r"\{(?:[^{}]*(?::path|\+|\.\.\.)|\*[^{}]*)\}")
_HEX = "[0-9a-fA-F]"
_ID = re.compile(rf"[0-9]+|{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}|(?=[a-fA-F]*[0-9]){_HEX}{{16,}}")


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Literals with something between any two of them; the first and the last may be empty."""

    literals: tuple[str, ...]
    tail: bool = False
    """Its first gap may be empty, and any may hold a slash, since it is held against all segments that are left."""

    @property
    def concreteness(self) -> int:
        return sum(map(len, self.literals))

    def fits(self, text: str) -> bool:
        first, *between, last = self.literals
        if not text.startswith(first) or not text.endswith(last):
            return False
        at, end, least = len(first), len(text) - len(last), 0 if self.tail else 1
        for literal in between:
            # The leftmost place is as good as any later one: it leaves the most room to what follows.
            found = text.find(literal, at + least, end)
            if found < 0:
                return False
            at, least = found + len(literal), 1
        return at + least <= end


@dataclass(slots=True)
class _Node:
    """Where templates stand after the same segments."""

    literals: dict[str, "_Node"] = field(default_factory=dict)
    mixed: dict[_Pattern, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    tails: dict[_Pattern, "_Node"] = field(default_factory=dict)
    here: dict[str, str] = field(default_factory=dict)
    """The templates that end here, by method."""

    def child(self, segment: str) -> "_Node":
        """The node after one more segment of a template."""
        literals = _literals(segment)
        if len(literals) == 1:
            return self.literals.setdefault(literals[0], _Node())
        if literals == ("", ""):
            self.parameter = self.parameter or _Node()
            return self.parameter
        return self.mixed.setdefault(_Pattern(literals), _Node())


class Templates:
    """Finds the template of a path. Of two that differ in their parameters' names only, the one given first counts."""

    def __init__(self, routes: Iterable[str]) -> None:
        """Take routes written ``METHOD template``."""
        self._root = _Node()
        for route in routes:
            method, _, template = route.partition(" ")
            self._templates_at(template).setdefault(method, template)
        nodes = [self._root]
        for node in nodes:
            node.mixed = dict(sorted(node.mixed.items(), key=lambda each: -each[0].concreteness))
            node.tails = dict(sorted(node.tails.items(), key=lambda each: -each[0].concreteness))
            nodes += [*node.literals.values(), *node.mixed.values()]
            nodes += [node.parameter] if node.parameter else []

    def match(self, method: str, url: str) -> str | None:
        """The route of a request by its method and its path or whole address; None: no template fits.

        A path whose template is there for other methods only belongs to it all the same.
        """
        segments = path_of(url)[1:].split("/")
        if "%" in url:
            segments = [unquote(segment) for segment in segments]
        method = method.upper()
        fallback: Mapping[str, str] | None = None
        for other in (False, True):
            if other:
                # With its trailing slash and without: most servers answer to either.
                segments = segments[:-1] if segments[-1] == "" else [*segments, ""]
            for templates in _walk(self._root, segments):
                if method in templates:
                    return f"{method} {templates[method]}"
                fallback = fallback or templates
        return f"{method} {next(iter(fallback.values()))}" if fallback else None

    def _templates_at(self, template: str) -> dict[str, str]:
        segments = path_of(template)[1:].split("/")
        node = self._root
        for at, segment in enumerate(segments):
            if _TAIL.search(segment):
                pattern = _Pattern(_literals("/".join(segments[at:])), tail=True)
                return node.tails.setdefault(pattern, _Node()).here
            node = node.child(segment)
        return node.here


def path_of(url: str) -> str:
    """The path of an address, or of a path, from its first slash on; without query and fragment."""
    text = url.partition("?")[0] if "?" in url else url
    text = text.partition("#")[0] if "#" in text else text
    if text.startswith("/"):
        return text
    scheme, found, rest = text.partition("://")
    if found and scheme.isalpha():
        text = rest.partition("/")[2]
    return f"/{text}"


def folded(path: str) -> str:
    """A path that no template fits, with ``{id}`` for each segment that can be little else.

    Such are digits alone, a UUID, and 16 or more hexadecimal digits with a decimal one among them.
    """
    return "/".join("{id}" if _ID.fullmatch(segment) else segment for segment in path.split("/"))


def _literals(template: str) -> tuple[str, ...]:
    return tuple(unquote(literal) for literal in _PARAMETER.split(template))


def _walk(root: _Node, segments: list[str]) -> Iterator[Mapping[str, str]]:
    """Whatever fits, the most concrete first."""
    # What is left to try, the most promising last.
    todo, end = [(root, 0)], len(segments)
    while todo:
        node, at = todo.pop()
        if at >= end:
            if node.here:
                yield node.here
            continue
        segment = segments[at]
        if node.tails:
            rest = "/".join(segments[at:])
            todo += [(tail, end) for pattern, tail in reversed(node.tails.items()) if pattern.fits(rest)]
        if node.parameter is not None and segment:
            todo.append((node.parameter, at + 1))
        if node.mixed:
            todo += [(child, at + 1) for pattern, child in reversed(node.mixed.items()) if pattern.fits(segment)]
        child = node.literals.get(segment)
        if child is not None:
            todo.append((child, at + 1))
