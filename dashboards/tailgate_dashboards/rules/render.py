"""Rules as text, for whoever evaluates them."""

import re
from typing import Any, ClassVar, Literal, get_args

import yaml
from tailgate_slo import Objectives

from .compile import Rules

Form = Literal["prometheus", "prometheus-rule", "mimir"]
"""A rule file of Prometheus; the PrometheusRule of its operator in Kubernetes; a namespace for mimirtool."""

FORMS: tuple[Form, ...] = get_args(Form)

_HEADER = "# Compiled from the objectives file by `tailgate slo rules`; change that file, not this one.\n"
_LONGEST_NAME = 63


def render(rules: Rules, form: Form = "prometheus", *, name: str = "tailgate") -> str:
    """The rules as YAML, the same text for the same rules; ``name`` is the resource's, or the namespace's."""
    document = rules
    if form == "prometheus-rule":
        document = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": name},
            "spec": rules,
        }
    elif form == "mimir":
        document = {"namespace": name, **rules}
    return _HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)


def name_of(objectives: Objectives) -> str:
    """A name for all of a file's rules that Kubernetes takes: its only service's, or just ours."""
    services = {slo.service for slo in objectives.slos}
    own = "-".join(re.findall(r"[a-z0-9]+", services.pop().lower())) if len(services) == 1 else ""
    return f"tailgate-{own}"[:_LONGEST_NAME].strip("-")


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as blocks, and repeats equal labels instead of pointing to them."""

    yaml_representers: ClassVar[dict[Any, Any]] = {**yaml.SafeDumper.yaml_representers, str: _text}

    def ignore_aliases(self, data: object) -> bool:
        return True
