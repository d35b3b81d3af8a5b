"""What was taken over of other tools' files, and how it reads in a file of ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import yaml

_HEADER = "# Taken over from {sources} by `tailgate slo import`.\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """One objective: ``percent`` of what its queries count is to be good within ``period_days``.

    ``queries`` are PromQL by OpenSLO's words for them: ``bad`` and ``total``, ``good`` and ``total``, or ``raw``
    alone, the ratio of bad events. ``annotations`` are those that alerts carry on.
    """

    name: str
    display_name: str
    service: str
    description: str
    percent: Decimal
    period_days: int
    queries: Mapping[str, str]
    annotations: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """The objective as an OpenSLO document."""
        metadata: dict[str, Any] = {"name": self.name, "displayName": self.display_name}
        if self.annotations:
            metadata["annotations"] = dict(self.annotations)
        ratio: dict[str, Any] = {
            key: {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}
            for key, query in self.queries.items()
        }
        if "raw" in ratio:
            ratio["rawType"] = "failure"
        spec: dict[str, Any] = {"description": self.description} if self.description else {}
        spec |= {
            "service": self.service,
            "indicator": {"metadata": {"name": self.name}, "spec": {"ratioMetric": ratio}},
            "timeWindow": [{"duration": f"{self.period_days}d", "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [{"targetPercent": self.percent}],
        }
        return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": metadata, "spec": spec}


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """The objectives of the ``sources``, and a sentence for everything that was ``lost`` or changed on the way.

    ``left_out`` is how many objectives or documents could not be taken over at all.
    """

    sources: tuple[str, ...]
    objectives: tuple[Taken, ...]
    lost: tuple[str, ...]
    left_out: int = 0

    def text(self) -> str:
        """The objectives as a stream of OpenSLO documents, which ``tailgate_slo.parse`` reads."""
        documents = [each.document() for each in self.objectives]
        header = _HEADER.format(sources=", ".join(re.sub(r"[^ -~]", "?", source) for source in self.sources))
        return header + yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _number(dumper: yaml.SafeDumper, number: Decimal) -> yaml.ScalarNode:
    written = f"{number:f}"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in written else 'int'}", written)


class _Dumper(yaml.SafeDumper):
    """Writes queries of several lines as blocks, and numbers as they were read."""

    yaml_representers: ClassVar[dict[Any, Any]] = {
        **yaml.SafeDumper.yaml_representers,
        str: _text,
        Decimal: _number,
    }
