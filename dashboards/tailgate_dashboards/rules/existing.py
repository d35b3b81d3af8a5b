"""Rule files that are there already: nothing may be recorded twice under one name."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from tailgate_otel import names

from ..errors import ConflictError, RuleFileError
from .compile import Rules

_LARGEST_BYTES = 16 << 20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def refuse_recorded(rules: Rules, files: Iterable[Path]) -> None:
    """See that no group of these rule files records an objective of ``rules``; their own earlier output does not count.

    An objective is recorded by whoever uses its id, or its service and name: boards ask for either.

    Raises:
        RuleFileError: a file cannot be read, or holds no rules.
        ConflictError: an objective is recorded there.
    """
    ours = {group["name"] for group in rules["groups"]}
    recorded = {
        key: rule["labels"][names.LABEL_SLO_ID]
        for group in rules["groups"]
        for rule in group["rules"]
        if "record" in rule
        for key in _keys(rule)
    }
    for file in files:
        for group in _groups(file):
            if str(group.get("name")) in ours:
                continue
            for rule in _mappings(group.get("rules")):
                for key in _keys(rule):
                    if "record" in rule and key in recorded:
                        raise ConflictError(
                            f"{file}: the group {group.get('name')} records {recorded[key]} already. Remove it there, "
                            "or rename the objective"
                        )


def _keys(rule: dict[Any, Any]) -> Iterator[tuple[str, ...]]:
    labels = rule.get("labels")
    if isinstance(labels, dict):
        for key in ((names.LABEL_SLO_ID,), (names.LABEL_SLO_SERVICE, names.LABEL_SLO_NAME)):
            if all(isinstance(labels.get(label), str) for label in key):
                yield tuple(labels[label] for label in key)


def _groups(file: Path) -> Iterator[dict[Any, Any]]:
    """The groups of a rule file, of Mimir's, or of PrometheusRules, of which a file may hold several."""
    found = False
    for document in _documents(file):
        spec = document.get("spec", document) if isinstance(document, dict) else None
        if isinstance(spec, dict) and "groups" in spec:
            found = True
            yield from _mappings(spec["groups"])
    if not found:
        raise RuleFileError(f"{file}: holds no groups of rules. Name a rule file of Prometheus, or a PrometheusRule")


def _documents(file: Path) -> list[Any]:
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise RuleFileError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > _LARGEST_BYTES:
        raise RuleFileError(f"{file}: larger than {_LARGEST_BYTES >> 20} MiB. Split it")
    try:
        return list(yaml.load_all(data, Loader=_LOADER))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RuleFileError(f"{file}: not YAML: {str(error).splitlines()[0]}") from None


def _mappings(value: Any) -> list[dict[Any, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
