"""A Prometheus's answers as values, and their reading. A native histogram is told by its count."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One series' value at a moment, in seconds since 1970."""

    labels: Mapping[str, str]
    at: float
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One series over time: ``times`` ascending, in seconds since 1970, and a value at each."""

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]


def read_samples(data: Any) -> list[Sample]:
    """The samples of an instant query; a scalar is one without labels.

    Raises ValueError, KeyError or TypeError where this is no answer to such a query.
    """
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        at, value = result
        return [Sample(labels={}, at=float(at), value=float(value))]
    if kind != "vector":
        raise ValueError(f"a {kind} instead of a vector")
    found = []
    for each in _series(result):
        at, value = each["value"] if "value" in each else _counted(each["histogram"])
        found.append(Sample(labels=read_labels(each["metric"]), at=float(at), value=float(value)))
    return found


def read_lines(data: Any) -> list[Line]:
    """The lines of a range query. Raises as `read_samples` does."""
    if data["resultType"] != "matrix":
        raise ValueError(f"a {data['resultType']} instead of a matrix")
    found = []
    for each in _series(data["result"]):
        # A series that became a native histogram meanwhile has both.
        points = [*each.get("values", ()), *map(_counted, each.get("histograms", ()))]
        if points:
            times, values = zip(*sorted((float(at), float(value)) for at, value in points), strict=True)
            found.append(Line(labels=read_labels(each["metric"]), times=times, values=values))
    return found


def _counted(point: Any) -> tuple[Any, Any]:
    """A moment and the count of its histogram."""
    at, histogram = point
    return at, histogram["count"]


def _series(result: Any) -> list[dict[str, Any]]:
    if not isinstance(result, list) or not all(isinstance(each, dict) for each in result):
        raise ValueError("no list of series")
    return result


def read_labels(data: Any) -> dict[str, str]:
    """One series' labels. Raises as `read_samples` does."""
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise ValueError("labels that are none")
    return data


def read_texts(data: Any) -> list[str]:
    """A list of texts. Raises as `read_samples` does."""
    if not isinstance(data, list) or not all(isinstance(each, str) for each in data):
        raise ValueError("no list of texts")
    return data
