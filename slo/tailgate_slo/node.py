"""A place in an objectives file, and typed readings of it that fail by naming the place."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from .errors import DocumentError
from .nearest import suggestion
from .quantity import parse_decimal, parse_duration
from .stream import Tree


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """Where a tree comes from: its file, number (from 1) and title (kind and name)."""

    file: str
    number: int
    title: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A value and the keys that lead to it.

    Every reading raises DocumentError when the value is not of its kind.
    """

    document: Document
    tree: Tree
    path: str = ""

    def error(self, problem: str, cure: str = "") -> DocumentError:
        """An error at this place, to raise."""
        content = self.tree.content
        return DocumentError(
            problem,
            file=self.document.file,
            line=self.tree.line,
            document=self.document.number,
            title=self.document.title,
            path=self.path,
            value=content if isinstance(content, str) else None,
            cure=cure,
        )

    def text(self) -> str:
        """A single value's text, not empty."""
        content = self.tree.content
        if not isinstance(content, str):
            raise self.error("must be a single value, not a list or a mapping")
        if not content.strip() or self.tree.is_null:
            raise self.error("must not be empty")
        return content

    def words(self) -> str:
        """A single value's text for people to read, which may be empty."""
        content = self.tree.content
        return "" if isinstance(content, str) and not content.strip() else self.text().strip()

    def decimal(self) -> Decimal:
        """A number, exactly as written."""
        try:
            return parse_decimal(self.text())
        except ValueError as error:
            problem, _, cure = str(error).partition(". ")
            raise self.error(problem, cure) from None

    def between(self, low: int, high: int) -> Decimal:
        """A number strictly between ``low`` and ``high``."""
        number = self.decimal()
        if not low < number < high:
            raise self.error(f"must lie between {low} and {high}, both excluded")
        return number

    def at_least(self, low: int) -> Decimal:
        """A number not below ``low``."""
        if (number := self.decimal()) < low:
            raise self.error(f"must be at least {low}")
        return number

    def integer(self) -> int:
        """A whole number, not negative."""
        number = self.at_least(0)
        if number != number.to_integral_value():
            raise self.error("must be a whole number")
        return int(number)

    def duration(self) -> Decimal:
        """A duration in seconds, more than nothing."""
        try:
            seconds = parse_duration(self.text())
        except ValueError as error:
            raise self.error("not a duration", str(error)) from None
        if not seconds:
            raise self.error("must be more than nothing")
        return seconds

    def boolean(self) -> bool:
        """Either ``true`` or ``false``."""
        return self.one_of(("true", "false")) == "true"

    def one_of(self, choices: Collection[str], refused: Mapping[str, str] | None = None) -> str:
        """One of the choices; ``refused`` has the cures for values that OpenSLO knows but this does not."""
        text = self.text()
        if refused and text in refused:
            raise self.error("not supported", refused[text])
        if text not in choices:
            raise self.error("unknown value", suggestion(text, choices))
        return text

    def items(self) -> tuple["Node", ...]:
        """The places of a list, which has one at least."""
        content = self.tree.content
        if not isinstance(content, tuple):
            raise self.error("must be a list")
        if not content:
            raise self.error("must not be empty")
        return tuple(self._child(tree, f"{self.path}[{index}]") for index, tree in enumerate(content))

    def mapping(self) -> dict[str, "Node"]:
        """The places of a mapping whose keys are free."""
        content = self.tree.content
        if not isinstance(content, Mapping):
            raise self.error("must be a mapping")
        prefix = f"{self.path}." if self.path else ""
        return {key: self._child(tree, prefix + key) for key, tree in content.items()}

    def fields(
        self,
        required: Collection[str] = (),
        optional: Collection[str] = (),
        refused: Mapping[str, str] | None = None,
    ) -> dict[str, "Node"]:
        """The places of a mapping whose keys are fixed; what is written as nothing counts as absent."""
        entries = self.mapping()
        known = {*required, *optional}
        for key, node in entries.items():
            if refused and key in refused:
                raise node.error("not supported", refused[key])
            if key not in known:
                raise node.error("unknown key", suggestion(key, known))
        present = {key: node for key, node in entries.items() if not node.tree.is_null}
        if missing := sorted(set(required) - set(present)):
            raise self.error(f"lacks {', '.join(missing)}")
        return present

    def _child(self, tree: Tree, path: str) -> "Node":
        return Node(document=self.document, tree=tree, path=path)
