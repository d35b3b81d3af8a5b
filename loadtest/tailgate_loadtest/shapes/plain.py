"""A page of YAML as plain values: no tags, no aliases, which can grow a small file without bound, no key twice."""

from reprlib import repr as short
from typing import Any

import yaml

LONGEST = 2000
"""Characters of a value."""


def read(text: bytes) -> Any:
    """The one document of a text.

    Raises:
        ValueError: it is not YAML, or uses what is not read; the message gives the line.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader made stricter
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the latter two of numbers past all reason
        raise ValueError(f"is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error


class _Loader(yaml.SafeLoader):
    # A date is a text here.
    yaml_implicit_resolvers = {  # noqa: RUF012 - declared so by the base class
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refused("an alias is not read; write the value out", event)
        if getattr(event, "tag", None) not in (None, "!"):
            raise _refused("a tag is not read; write the plain value", event)
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST:
            raise _refused(f"a value is longer than {LONGEST} characters", event)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise _refused(f"the key {short(key.value)} is there twice", key)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _refused(problem: str, place: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)
