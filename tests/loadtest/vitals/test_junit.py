"""The test report's word on vitals."""

from collections.abc import Callable
from xml.etree import ElementTree

from tailgate_loadtest.judge.document import Finding, LaneVerdict, VerdictDocument
from tailgate_loadtest.report.junit import junit
from tailgate_loadtest.run.bundle import Bundle


def test_a_vital_says_its_page_its_measure_and_its_lanes(bundle: Callable[..., Bundle]) -> None:
    finding = Finding(
        name="dashboard-lcp",
        display_name="The dashboard's LCP",
        measure="vital",
        route="/dashboard",
        threshold=2.0,
        target=0.75,
        verdict="fail",
        key=False,
        weight=1.0,
        samples=20,
        bad=20,
        bad_share=1.0,
        bad_low=0.86,
        bad_high=1.0,
        unit="seconds",
        number=3.0,
        low=2.9,
        high=3.1,
        vital="lcp",
        lanes=(
            LaneVerdict(visit="dashboard", lane="phone 4g", verdict="fail"),
            LaneVerdict(visit="dashboard", lane="desktop", verdict="pass"),
        ),
        why="phone 4g: 20 of 20 visits were bad",
    )
    verdict = VerdictDocument(
        run="run",
        tool="0.1.0",
        verdict="fail",
        exit_code=1,
        reasons=("dashboard-lcp",),
        score=None,
        objectives=(finding,),
        skipped=("inbox-lcp",),
        confidence=0.95,
        slo="slo.yaml",
        slo_digest=None,
    )
    suite = ElementTree.fromstring(junit(bundle([]).read_run(), verdict))
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    told = (cases["dashboard-lcp"].findtext("system-out") or "").splitlines()
    assert told[1:4] == ["page: /dashboard", "measure: LCP", "target: 0.75 of visits"]
    assert "dashboard (phone 4g): fail" in told
    assert "dashboard (desktop): pass" in told
    failure = cases["dashboard-lcp"].find("failure")
    assert failure is not None
    assert "75" in (failure.get("message") or "")
    skipped = cases["inbox-lcp"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "nothing in this run could answer this objective"
