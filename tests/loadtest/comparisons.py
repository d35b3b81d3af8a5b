"""Comparison documents as a real gate would write them, to be shown; every number follows from the arguments."""

from typing import Any

from tailgate_loadtest.judge.document import Finding
from tailgate_loadtest.judge.regression.document import (
    Acceptance,
    Adoption,
    Cell,
    ComparisonDocument,
    DesignRecord,
    ExactFinding,
    Look,
    Loosened,
    Rates,
    SegmentRecord,
    SideRecord,
)
from tailgate_loadtest.run.document import Percentiles

ROUTES = {
    "GET /api/contacts/by-phone": 0.0032,
    "GET /api/conversations": 0.0402,
    "GET /api/conversations/{conversation_id}/messages": 0.0124,
    "POST /api/messages/send": 0.0086,
    "POST /api/webhook/kapso": 0.0158,
}
"""Median seconds."""
HOSTILE = (
    "GET /<script>alert(1)</script>|`]]>\n\n# @octocat #12 ![x](http://evil)<!-- --> </details></code>"
    "\\| **b** &lt; www.evil.example a@evil.example\x1b[31m\x00\u202e"
)
CAUSES = (
    "3 more queries, all `select name from contacts where id = $1` at parallel.py:88 (N+1)",
    "of +15.2 ms at p95: database +13.9 ms, pool wait +1.1 ms, application +0.2 ms",
)
RATES = Rates(
    gates=60,
    false_alarms=0,
    false_alarms_low=0.0,
    false_alarms_high=0.0596,
    inconclusive=3,
    seconds=240,
    measured="2026-05-20T08:00:00+00:00",
    machine="ubuntu-latest, 4 cores",
)
_SPREAD = {"p50": 1.0, "p95": 2.4, "p99": 4.1}


def cell(route: str, measure: Any, change: float = 0.0, half: float = 0.02, **changes: Any) -> Cell:
    """A measure of a route that changed by ``change``, known to ``half`` on each side."""
    failures = measure == "failures"
    base = 0.002 if failures else ROUTES.get(route, 0.01) * _SPREAD[measure]
    none = 0.0 if failures else 1.0
    low, high = none + change - half, none + change + half
    tolerance = none + (0.005 if failures else 0.05)
    verdict = "fail" if low > tolerance else "pass" if high <= tolerance else "inconclusive"
    why = {
        "fail": "worse under random assignment, and by more than is tolerated",
        "pass": "the interval's upper end is within what is tolerated",
        "inconclusive": "the interval reaches from what is tolerated to what is not; measure longer",
    }[verdict]
    return Cell(
        **{
            "route": route,
            "measure": measure,
            "blocking": True,
            "verdict": verdict,
            "samples_base": 5210,
            "samples_candidate": 5188,
            "base": base,
            "candidate": base + change if failures else base * (1 + change),
            "p": 0.0002 if verdict == "fail" else 0.41,
            "p_adjusted": 0.003 if verdict == "fail" else 1.0,
            "side_by_side": none + change / 2,
            "ratio": none + change,
            "low": low,
            "high": high,
            "tolerance": tolerance,
            "visible": none + half * 2.5,
            "causes": CAUSES if verdict == "fail" else (),
            "why": why,
        }
        | changes
    )


def cells(changes: dict[tuple[str, str], float] | None = None, half: float = 0.02, routes=tuple(ROUTES)) -> list[Cell]:
    """Every route's four cells; p99 is only shown."""
    changed = changes or {}
    return [
        cell(
            route,
            measure,
            changed.get(
                (route, measure), (hash_of(route + measure) % 21 - 10) / (5000 if measure == "failures" else 1000)
            ),
            half / (10 if measure == "failures" else 1),
            blocking=measure != "p99",
        )
        for route in routes
        for measure in ("p50", "p95", "p99", "failures")
    ]


def hash_of(text: str) -> int:
    """The same number for the same text in every process."""
    return sum(ord(character) * (place + 1) for place, character in enumerate(text))


def exact(**changes: Any) -> ExactFinding:
    """Three queries more in every request of one route."""
    return ExactFinding(
        **{
            "route": "GET /api/conversations",
            "measure": "queries",
            "phase": "cold",
            "base": 2,
            "candidate": 5,
            "requests": 41,
            "of": 41,
            "worse": True,
            "blocking": True,
            "why": "each request makes 3 queries more",
        }
        | changes
    )


def accepts(**changes: Any) -> Acceptance:
    """An entry that covers one cell."""
    return Acceptance(
        **{
            "route": "POST /api/messages/send",
            "measure": "latency",
            "bound": 0.3,
            "until": "2030-01-31",
            "why": "signed uploads, until the queue is in place",
            "holds": True,
            "covers": ("p95",),
        }
        | changes
    )


def objective(**changes: Any) -> Finding:
    """An objective of the candidate's, kept."""
    return Finding(
        **{
            "name": "conversations-latency",
            "display_name": "Opening a conversation, p95",
            "measure": "latency",
            "route": "GET /api/conversations",
            "threshold": 0.5,
            "target": 0.95,
            "verdict": "pass",
            "key": True,
            "weight": 1.0,
            "samples": 5188,
            "bad": 4,
            "bad_share": 4 / 5188,
            "bad_low": 0.0002,
            "bad_high": 0.002,
            "unit": "seconds",
            "number": 0.1333,
            "low": 0.129,
            "high": 0.138,
            "why": "at most 0.2 % are slower, and 5 % may be",
        }
        | changes
    )


def adoption(**changes: Any) -> Adoption:
    """A candidate that is fast enough, and fast enough beside the base."""
    return Adoption(
        **{
            "quantile": 0.95,
            "advice": "adopt",
            "candidate": 0.12,
            "ratio": 0.4,
            "low": 0.37,
            "high": 0.43,
            "why": (
                "p95 of all requests is 120 ms [110 ms, 131 ms], -60 % [-63 %, -57 %];"
                " adopt below 500 ms and 50 % faster, keep within 20 %"
            ),
        }
        | changes
    )


def comparison(**changes: Any) -> ComparisonDocument:
    """Two sides loaded together for four minutes; without changes nothing got worse."""
    turns = [(130 + 10 * place, "base" if place % 2 else "candidate") for place in range(11)]
    segments = (
        SegmentRecord(start=0, length=130, to="both"),
        *(SegmentRecord(start=start, length=10, to=side) for start, side in turns),
    )
    return ComparisonDocument(
        **{
            "id": "20260528T200000Z-0123456789ab-ab",
            "tool": "0.1.0",
            "kind": "ab",
            "started": "2026-05-28T20:26:40.000+00:00",
            "seconds": 240.4,
            "base": SideRecord(
                what="origin/main",
                revision="9f1c2b3a4d5e6f708192a3b4c5d6e7f801234567",
                bundles=("base",),
                facts={"variant": "parallel", "database": "embedded", "workers": 1},
            ),
            "candidate": SideRecord(
                what="working tree",
                revision="0123456789abcdef0123456789abcdef01234567",
                bundles=("candidate",),
                facts={"variant": "parallel", "database": "embedded", "workers": 1},
                response=Percentiles(p50=0.0101, p90=0.0502, p95=0.0703, p99=0.141, p999=0.402, mean=0.0184, max=0.911),
            ),
            "design": DesignRecord(seed=7, warmup=10, block=10, segments=segments),
            "looks": (Look(at=120, spent=0.002, decided=None), Look(at=240, spent=0.01, decided="pass")),
            "error_rate": 0.01,
            "confidence": 0.95,
            "verdict": "pass",
            "exit_code": 0,
            "reasons": ("every interval ends within what is tolerated",),
            "cells": tuple(cells()),
            "objectives": (objective(),),
            "rates": RATES,
        }
        | changes
    )


def early() -> ComparisonDocument:
    """Decided at the first of eight looks."""
    decided = Look(at=120, spent=0.01 * 0.2 / 7, decided="pass")
    return comparison(seconds=121.0, looks=(decided,), confidence=1 - 0.05 * 0.2 / 7)


def failing(**changes: Any) -> ComparisonDocument:
    """One route got slower and asks more queries; another's slowdown is taken on."""
    worse = {
        ("GET /api/conversations", "p50"): 0.12,
        ("GET /api/conversations", "p95"): 0.38,
        ("GET /api/conversations", "p99"): 0.41,
        ("POST /api/messages/send", "p95"): 0.18,
    }
    found = [
        each.model_copy(update={"verdict": "pass", "accepted": accepts().why, "causes": ()})
        if each.route == "POST /api/messages/send" and each.measure == "p95"
        else each
        for each in cells(worse, half=0.03)
    ]
    return comparison(
        **{
            "verdict": "fail",
            "exit_code": 1,
            "reasons": ("GET /api/conversations: p50 and p95 got worse by more than is tolerated",),
            "cells": tuple(found),
            "exact": (
                exact(),
                exact(phase="warm"),
                exact(phase="load", base=2.01, candidate=5.02, requests=5188, of=5188, blocking=False),
                exact(route="POST /api/webhook/kapso", measure="bytes", base=312, candidate=290, worse=False),
            ),
            "loosened": (
                Loosened(objective="opening-latency", what="the threshold was raised from 400 ms to 500 ms"),
                Loosened(objective="send-latency", what="the target was lowered", accepted=accepts().why),
            ),
            "accepts": (
                accepts(),
                accepts(route="POST /api/webhook/kapso", until="2026-01-31", holds=False, covers=()),
            ),
            "looks": (Look(at=120, spent=0.002, decided=None), Look(at=240, spent=0.01, decided="fail")),
            "warnings": ("GET /api/rare got 4 requests; it is too rare to be compared",),
        }
        | changes
    )


def undecided(**changes: Any) -> ComparisonDocument:
    """A machine too loud for what is tolerated."""
    return comparison(
        **{
            "verdict": "inconclusive",
            "exit_code": 3,
            "reasons": ("9 of 15 cells are undecided after the whole budget",),
            "cells": tuple(cells(half=0.09)),
            "looks": (Look(at=120, spent=0.002, decided=None), Look(at=240, spent=0.01, decided="inconclusive")),
            "rates": None,
        }
        | changes
    )


def interrupted(**changes: Any) -> ComparisonDocument:
    """Ended by a signal before anything was known."""
    return comparison(
        **{
            "verdict": "interrupted",
            "exit_code": 143,
            "seconds": 12.5,
            "reasons": ("ended by SIGTERM",),
            "cells": (),
            "looks": (),
            "objectives": (),
        }
        | changes
    )


def many(routes: int = 40, length: int = 0) -> ComparisonDocument:
    """Many routes, their names ``length`` characters longer than need be, half of them worse."""
    names = [f"GET /api/resource-{n:02}/{{id}}/children" + "x" * length for n in range(routes)]
    worse = {(name, "p95"): 0.1 + n / 100 for n, name in enumerate(names) if n % 2}
    return failing(
        cells=tuple(cells(worse, routes=tuple(names))),
        exact=tuple(exact(route=name) for name in names),
        loosened=tuple(Loosened(objective=name, what="the target was lowered" * 10) for name in names),
        accepts=tuple(accepts(route=name) for name in names),
        warnings=tuple(f"{name} is too rare to be compared" for name in names),
    )


def hostile() -> ComparisonDocument:
    """Every text is an attack."""
    document = failing()
    return document.model_copy(
        update={
            "base": document.base.model_copy(update={"what": HOSTILE}),
            "candidate": document.candidate.model_copy(update={"what": HOSTILE, "revision": HOSTILE}),
            "cells": tuple(
                c.model_copy(update={"route": HOSTILE + c.route, "why": HOSTILE, "causes": (HOSTILE,) * 3})
                for c in document.cells
            ),
            "exact": tuple(f.model_copy(update={"route": HOSTILE, "why": HOSTILE}) for f in document.exact),
            "loosened": (Loosened(objective=HOSTILE, what=HOSTILE),),
            "accepts": tuple(
                a.model_copy(
                    update={
                        "route": HOSTILE,
                        "why": HOSTILE,
                        "until": HOSTILE,
                        "measure": HOSTILE,
                        "covers": (HOSTILE,),
                    }
                )
                for a in document.accepts
            ),
            "objectives": (objective(name=HOSTILE, display_name=HOSTILE, route=HOSTILE, why=HOSTILE, verdict="fail"),),
            "reasons": (HOSTILE,),
            "warnings": (HOSTILE,),
            "differences": (HOSTILE,),
            "adoption": adoption(why=HOSTILE),
            "rates": RATES.model_copy(update={"machine": HOSTILE, "measured": HOSTILE}),
            "started": HOSTILE,
            "id": HOSTILE,
            "tool": HOSTILE,
        }
    )
