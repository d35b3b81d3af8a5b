"""Visits, accounts of them and bundles, as browsers would have left them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tailgate_loadtest.browser.account import Account, LaneAccount
from tailgate_loadtest.browser.recording import Recording, Visit
from tailgate_loadtest.judge.vitals.document import Setting
from tailgate_loadtest.judge.vitals.stored import write_document
from tailgate_loadtest.judge.vitals.verdict import judge_visits
from tailgate_loadtest.run.bundle import Bundle
from tailgate_slo import Objectives

GOOD = {"lcp": 1.0, "inp": 0.08, "cls": 0.01, "fcp": 0.6, "ttfb": 0.2}
JPEG = b"\xff\xd8\xff\xe0" + bytes(40)
SETTING = Setting(
    id="20261121T100000Z-abc123",
    url="https://shop.example/dashboard",
    began=1_795_255_200.0,
    started="2026-11-21T10:00:00.000+00:00",
    seed=7,
    environment={"revision": "abc123", "dirty": True, "cores": 2, "memory_bytes": 2**31, "load_before": 0.5},
)


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


def pictured(number: int, **changes: Any) -> Visit:
    """A visit of which there are both pictures."""
    there = {"lcp": f"pictures/{number:04}-lcp.jpg", "end": f"pictures/{number:04}-end.jpg"}
    return visit(number, pictures=there, **changes)


def record(made: Iterable[Visit], directory: Path) -> None:
    """Write these visits and their pictures into a directory."""
    with Recording(directory) as recording:
        for each in made:
            for name in each.pictures.values():
                (directory / name).write_bytes(JPEG)
            recording.write(each)


def bundle_of(directory: Path, made: Sequence[Visit], objectives: Objectives | None = None, **changes: Any) -> Bundle:
    """Their bundle where there was no load, judged; ``changes`` are of the account of them."""
    bundle = Bundle(directory)
    bundle.path.mkdir()
    record(made, directory)
    if objectives is not None:
        bundle.write_text(bundle.objectives.name, objectives.text)
    setting = SETTING.model_copy(update={"slo_digest": objectives.digest if objectives else None})
    write_document(bundle, judge_visits(made, account(made, **changes), objectives, setting))
    return bundle


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
        begun=len(own),
        ended=len(own),
        failed=sum(each.failed is not None for each in own),
        missing={},
    )
