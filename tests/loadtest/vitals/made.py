"""Visits and accounts of them, as browsers would have left them."""

from collections.abc import Iterable, Sequence
from typing import Any

from tailgate_loadtest.browser.account import Account, LaneAccount
from tailgate_loadtest.browser.recording import Visit

GOOD = {"lcp": 1.0, "inp": 0.08, "cls": 0.01, "fcp": 0.6, "ttfb": 0.2}


def visit(number: int, *, missing: Sequence[str] = (), **changes: Any) -> Visit:
    """A visit that went well, of which a Web Vital's name as a keyword tells another value."""
    told = {name: changes.pop(name, value) for name, value in GOOD.items()}
    given = {
        "lane": "desktop",
        "visit": "dashboard",
        "page": "/dashboard",
        "began": float(number),
        "seconds": 3.0,
        "trace_id": f"{number:032x}",
        "values": {name: value for name, value in told.items() if name not in missing},
        "missing": dict.fromkeys(missing, "no interaction"),
    }
    return Visit.model_validate({**given, **changes, "number": number})


def visits(count: int, *, start: int = 1, **changes: Any) -> list[Visit]:
    """So many visits alike."""
    return [visit(start + n, **changes) for n in range(count)]


def failed(count: int, *, start: int = 1, why: str = "the page did not load", **changes: Any) -> list[Visit]:
    """Visits that failed before they told of anything."""
    return visits(count, start=start, failed=why, missing=tuple(GOOD), **changes)


def account(made: Iterable[Visit], **changes: Any) -> Account:
    """What would be told of these visits in all."""
    lanes: dict[tuple[str, str], list[Visit]] = {}
    for each in made:
        lanes.setdefault((each.visit, each.lane), []).append(each)
    records = tuple(_lane(script, lane, own) for (script, lane), own in lanes.items())
    given = {
        "browser": "Chromium 156.0.7100.0",
        "driver": "playwright-core 1.65.1",
        "lanes": records,
        "begun": sum(lane.begun for lane in records),
        "ended": sum(lane.ended for lane in records),
        "failed": sum(lane.failed for lane in records),
        "cut": 0,
        "missing": {},
    }
    return Account.model_validate({**given, **changes})


def _lane(script: str, name: str, own: Sequence[Visit]) -> LaneAccount:
    return LaneAccount(
        name=name,
        visit=script,
        count=1,
        device="desktop",
        network="none",
        cpu=1.0,
        every=0.0,
        visits=len(own),
        returning=False,
        begun=len(own),
        ended=len(own),
        failed=sum(each.failed is not None for each in own),
        missing={},
    )
