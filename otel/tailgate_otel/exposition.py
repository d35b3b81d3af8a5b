"""Lines of the two text formats that Prometheus reads, its own (0.0.4) and OpenMetrics (1.0).

``prometheus_client`` writes them as well, but takes twenty-five times as long: for a page of 20,000 lines a quarter of
a second of the interpreter, at every scrape, that requests wait for.
"""

from collections.abc import Mapping, Sequence

Labels = tuple[str, ...]
"""The values of labels, in the order of their names."""


def head(name: str, kind: str, documentation: str) -> str:
    """What comes before a family's samples; the documentation is one line without quotes and backslashes."""
    return f"# HELP {name} {documentation}\n# TYPE {name} {kind}\n"


def labelled(names: Sequence[str], values: Labels) -> str:
    """Labels as they stand between the braces."""
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)])


def line(name: str, labels: str, value: float) -> str:
    """One sample."""
    return f"{name}{{{labels}}} {value}\n" if labels else f"{name} {value}\n"


def exemplar(labels: Mapping[str, str], value: float, timestamp: float) -> str:
    """What is put behind a bucket's sample; ``timestamp`` in seconds since the epoch."""
    return f" # {{{labelled(tuple(labels), tuple(labels.values()))}}} {value} {timestamp:.3f}"


def gauge(name: str, documentation: str, labels: Sequence[str], values: Mapping[Labels, float]) -> str:
    """A whole gauge."""
    samples = (line(name, labelled(labels, key), value) for key, value in values.items())
    return head(name, "gauge", documentation) + "".join(samples)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
