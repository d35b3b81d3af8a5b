"""What was measured, for programs and for people."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from tailgate_service.measure.layers import LIMIT, Measured
from tailgate_service.measure.queries import Compared
from tailgate_service.measure.times import Times

SCHEMA = "tailgate/benchmark/v1"
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
CALLS = {
    "by-phone": "GET /api/contacts/by-phone",
    "conversations": "GET /api/conversations",
    "send": "POST /api/messages/send",
}
"""Which route each call is."""


def layer(measured: Measured) -> dict[str, Any]:
    """A layer as JSON; times in seconds."""
    times = measured.times
    return {
        "variant": measured.variant,
        "way": measured.way,
        "call": measured.call,
        "calls": len(times.seconds),
        **{name: times.percentile(share) for name, share in PERCENTILES.items()},
        "limit": LIMIT,
        "kept": measured.kept,
        "sureness": times.sureness(LIMIT),
    }


def query(compared: Compared) -> dict[str, Any]:
    """A query before and after as JSON; times in seconds. ``met`` is null where it is not judged, or undecided."""
    return {
        "query": compared.query.name,
        "workspace_named": compared.named,
        "sql": compared.query.sql(named=compared.named),
        "rows_before": compared.rows[0],
        "rows_after": compared.rows[1],
        "before": statistics.median(compared.before),
        "after": statistics.median(compared.after),
        "ratio": compared.ratio,
        "goal": None if compared.named else compared.query.goal,
        "met": None if compared.named else compared.met,
    }


def baseline(
    measured: Mapping[float, Sequence[Measured]], trips: Mapping[float, float], facts: Mapping[str, object]
) -> str:
    """The page on how quick all was before any optimisation, as Markdown.

    ``measured`` by the emulated round trip in seconds, ``trips`` what each really was, ``facts`` what is known of
    machine and commit, in the order in which they are shown.
    """
    lines = [
        "# Before any optimisation",
        "",
        "How long the reference API takes in its variant `sequential`: the schema before tuning, queries one after",
        "another. One call at a time through the whole API, on the embedded database with its seed of 20 workspaces.",
        "The round trip is put between service and database, and measured by `select 1`. Written by",
        "`tailgate db baseline`.",
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        "",
        "Milliseconds; in brackets the interval that holds the percentile of all such calls with 95 %.",
        "",
        "| round trip | route | calls | P50 | P95 | P99 |",
        "|---|---|---|---|---|---|",
    ]
    for trip, found in measured.items():
        for each in found:
            shown = " | ".join(_with_interval(each.times, share) for share in PERCENTILES.values())
            calls = len(each.times.seconds)
            lines.append(f"| {trip * 1e3:g} ({trips[trip] * 1e3:.2f}) | `{CALLS[each.call]}` | {calls} | {shown} |")
    return "\n".join(lines) + "\n"


def _with_interval(times: Times, share: float) -> str:
    low, high = times.interval(share)
    above = "…" if math.isinf(high) else f"{high * 1e3:.1f}"
    return f"{times.percentile(share) * 1e3:.1f} [{low * 1e3:.1f}, {above}]"
