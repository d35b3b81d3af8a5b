"""A small bundle, judged and reported: the page, the summary, the test report and the terminal's table."""

import dataclasses
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tailgate_slo
from rich.console import Console
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.document import VerdictDocument
from tailgate_loadtest.judge.verdict import judge_bundle
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import LogWriter
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.measure.split import PARTS
from tailgate_loadtest.report.terminal import final_table
from tailgate_loadtest.report.write import write
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import (
    Arrivals,
    Generator,
    Parts,
    Percentiles,
    PlanRecord,
    RouteRecord,
    RunDocument,
    SlowRequest,
    Splits,
    StageRecord,
    Tick,
)
from tailgate_otel import names

WARMUP, SECONDS, BEGAN = 5, 30, 1_780_000_000.0
ROUTES = {
    "GET /api/contacts/by-phone": (0.0032, 30, 2),
    "GET /api/conversations": (0.0071, 40, 3),
    "GET /api/conversations/{conversation_id}/messages": (0.0024, 25, 1),
    "POST /api/messages/send": (0.0046, 12, 2),
    "POST /api/webhook/kapso": (0.0058, 13, 4),
}
"""Median seconds, requests per second, queries per request."""
HOSTILE = "GET /<script>alert(1)</script>|`]]>\n&\"'\x1b[31m\x00\u202e" + "very-long" * 15

Build = Callable[..., Bundle]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Makes a bundle; ``slow`` multiplies the times, ``bad`` requests of each second fail, as many go unanswered."""

    def build(
        *,
        routes: dict[str, tuple[float, int, int]] = ROUTES,
        slow: float = 1.0,
        bad: int = 0,
        traces: bool = True,
        queries: bool = True,
        seconds: int = SECONDS,
        **changes: object,
    ) -> Bundle:
        return build_bundle(tmp_path / "run", routes, slow, bad, traces, queries, seconds, changes)

    return build


def build_bundle(path, routes, slow, bad, traces, queries, seconds, changes) -> Bundle:
    path.mkdir(parents=True)
    bundle = Bundle(path)
    draw = np.random.default_rng(7)
    records = []
    with bundle.log.open("w", encoding="ascii") as file:
        log = LogWriter(file)
        log.begin(BEGAN, "Logged by tailgate")
        for route, (median, rate, asked) in sorted(routes.items()):
            whole: dict[Kind, Histogram] = {kind: Histogram() for kind in Kind}
            for second in range(WARMUP, WARMUP + seconds):
                for kind, size in ((Kind.RESPONSE, rate), (Kind.FAILED, bad), (Kind.CENSORED, bad)):
                    histogram = Histogram()
                    for value in median * slow * np.exp(0.45 * draw.standard_normal(size)):
                        histogram.add(int(value * 1e9 * (400 if kind is Kind.CENSORED else 1)))
                    if size:
                        log.write(second, route, kind, histogram)
                        whole[kind].merge(histogram)
                    if kind is Kind.RESPONSE:
                        service = Histogram({bucket - 30: n for bucket, n in histogram.counts.items()})
                        log.write(second, route, Kind.SERVICE, service)
                        whole[Kind.SERVICE].merge(service)
            records.append(record(route, whole, seconds, asked if queries else None))
    run = RunDocument(
        **{
            "id": "20260528T200000Z-0123456789ab",
            "tool": "0.1.0",
            "started": "2026-05-28T20:26:40.000+00:00",
            "began": BEGAN,
            "seconds": WARMUP + seconds + 0.4,
            "measured_from": WARMUP,
            "measured_to": WARMUP + seconds,
            "plan": PLAN,
            "environment": ENVIRONMENT,
            "tags": {"branch": "main"},
            "arrivals": Arrivals(
                planned=4200,
                arrived=4187,
                judged=3600,
                started=4187,
                completed=4187,
                unstarted=0,
                unfinished=0,
                abandoned=0,
                uncharged=0,
                most_users=14,
                user_bound=300,
            ),
            "generator": Generator(lag_p50=0.0002, lag_p99=0.0014, lag_max=0.0061, cpu=0.31, longest_stall=0.004),
            "routes": tuple(records),
            "timeline": tuple(ticks(WARMUP + seconds, bad)),
            "server": "complete" if queries else "absent",
            **changes,
        }
    )
    bundle.write_run(run)
    bundle.write_json("server.json", server(routes, seconds) if queries else {**SERVER, "state": "absent"})
    if traces:
        bundle.traces.write_text("".join(json.dumps(trace(route)) + "\n" for route in routes), encoding="utf-8")
    return bundle


PLAN = PlanRecord(
    profile="smoke",
    description="Half a minute of light, steady load",
    model="open",
    process="poisson",
    stages=(StageRecord(duration=30.0, start=120.0, end=120.0),),
    warmup=5.0,
    seed=1,
    drain=5.0,
    users=300,
    host="http://127.0.0.1:8000",
    locustfile="locustfile.py",
    slo="slo/reference.yaml",
    slo_digest="sha256:0123",
)
ENVIRONMENT = {
    "revision": "0123456789ab",
    "dirty": False,
    "python": "3.11.2",
    "cores": 2,
    "memory_bytes": 8 * 1024**3,
    "load_before": 0.4242,
    "variant": "parallel",
}
SERVER = {"schema": "tailgate/server/v1", "source": "http://127.0.0.1:9464/metrics"}


def record(route: str, whole: dict[Kind, Histogram], seconds: int, queries: float | None) -> RouteRecord:
    counts = {kind: histogram.total for kind, histogram in whole.items()}
    requests = counts[Kind.RESPONSE] + counts[Kind.FAILED] + counts[Kind.CENSORED]
    return RouteRecord(
        route=route,
        requests=requests,
        failed=counts[Kind.FAILED],
        censored=counts[Kind.CENSORED],
        setup=0,
        rate=requests / seconds,
        response=percentiles(whole[Kind.RESPONSE]),
        service=percentiles(whole[Kind.SERVICE]),
        errors={"HTTP 500": counts[Kind.FAILED]} if counts[Kind.FAILED] else {},
        queries=queries,
    )


def percentiles(histogram: Histogram) -> Percentiles | None:
    if not histogram.total:
        return None
    found = [histogram.quantile(q) for q in (0.5, 0.9, 0.95, 0.99, 0.999)]
    return Percentiles(
        **dict(zip(("p50", "p90", "p95", "p99", "p999"), found, strict=True)),
        mean=histogram.mean(),
        max=histogram.maximum(),
    )


def ticks(seconds: int, waiting: int) -> list[Tick]:
    draw = np.random.default_rng(11)
    started = np.cumsum(draw.poisson(120, seconds))
    return [
        Tick(
            second=float(i + 1),
            planned=120.0 * (i + 1),
            started=float(n),
            completed=float(n - 1),
            waiting=float(waiting * i),
            users=12.0,
            requests=float(n),
            failed=0.0,
            lag=0.001,
        )
        for i, n in enumerate(started)
    ]


def server(routes: dict[str, tuple[float, int, int]], seconds: int) -> dict[str, object]:
    samples: list[tuple[str, dict[str, str], float]] = []
    for route, (_, rate, asked) in routes.items():
        method, _, template = route.partition(" ")
        labels = {names.LABEL_METHOD: method, names.LABEL_ROUTE: template}
        requests = float(rate * seconds)
        for edge in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0):
            kept = requests if edge >= asked else 0.0
            samples.append((f"{names.QUERIES_PER_REQUEST}_bucket", {**labels, "le": str(edge)}, kept))
        samples.append((f"{names.QUERIES_PER_REQUEST}_count", labels, requests))
        samples.append((f"{names.QUERIES_PER_REQUEST}_sum", labels, requests * asked))
    start = {"at": BEGAN, "samples": []}
    return {**SERVER, "state": "complete", "start": start, "end": {"at": BEGAN + 40, "samples": samples}}


def trace(route: str) -> dict[str, object]:
    start = int((BEGAN + 12) * 1e9)
    slowest = len(route) * 1_000_000
    text = "select id, body, sent_at from messages where conversation_id = $1 order by sent_at desc limit $2"
    method, _, template = route.partition(" ")
    asked = {**ROOT, names.ATTR_METHOD: method, names.ATTR_ROUTE: template}
    spans = [span("server", route, 2, start, slowest, asked)]
    spans.append(span("wait", "wait for a connection", 1, start + 200_000, 1_500_000, {names.ATTR_CALL_KIND: "wait"}))
    for i in range(4):
        attributes = {names.ATTR_CALL_KIND: "query", names.ATTR_DB_QUERY: text if i else "select 1 -- " + route}
        spans.append(span(f"q{i}", "SELECT", 3, start + 2_000_000 + i * 4_000_000, 3_200_000, attributes))
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}


ROOT = {
    names.ATTR_STATUS: 200,
    names.ATTR_KEPT_REASON: names.KEPT_SLOW,
    names.ATTR_QUERIES: 4,
    names.ATTR_N_PLUS_ONE: "select id, body from messages",
    names.ATTR_N_PLUS_ONE_COUNT: 3,
    names.ATTR_N_PLUS_ONE_SITE: "store.py:42 in messages",
}


def span(key: str, name: str, kind: int, start: int, length: int, attributes: dict[str, object]) -> dict[str, object]:
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": key,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + length),
        "attributes": [
            {"key": k, "value": {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}}
            for k, v in attributes.items()
        ],
    }


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its text, and whether every element was closed."""

    VOID = frozenset({"meta", "link", "br", "wbr", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


def report(bundle: Bundle, objectives: object = "reference") -> tuple[Page, str, ElementTree.Element, VerdictDocument]:
    """Judge and report a bundle: the page, the summary, the test report, the verdict.

    Of the reference objectives, those of the routes that the bundle has.
    """
    if objectives == "reference":
        known, routes = (
            tailgate_slo.load(tailgate_slo.reference_path()),
            {each.route for each in bundle.read_run().routes},
        )
        slos = tuple(slo for slo in known.slos if slo.measure and slo.measure.route in {None, *routes})
        objectives = dataclasses.replace(known, slos=slos)
    verdict = judge_bundle(bundle, objectives)
    page = write(bundle, bundle.read_run(), verdict)
    summary = (bundle.path / "summary.md").read_text(encoding="utf-8")
    suite = ElementTree.parse(bundle.path / "junit.xml").getroot()
    return Page(page.read_text(encoding="utf-8")), summary, suite, verdict


def terminal(bundle: Bundle, verdict: VerdictDocument, width: int = 80, **options: object) -> str:
    out = io.StringIO()
    Console(file=out, width=width, **options).print(final_table(bundle.read_run(), verdict))
    return out.getvalue()


def test_the_page_is_whole_and_asks_for_nothing_from_outside(build: Build):
    page, *_ = report(build())
    assert page.open == []
    assert page.ids() == list(dict.fromkeys(page.ids()))
    assert not {"script", "img", "iframe", "object"} & {tag for tag, _ in page.elements}
    beside = {"run.json", "verdict.json", "latency.hlog", "server.json", "traces.jsonl", "summary.md", "junit.xml"}
    for tag, attributes in page.elements:
        link = attributes.get("href") or attributes.get("src") or "#"
        assert link.startswith("#") or link in {"data:,", *beside}, tag


def test_every_picture_has_a_name_and_a_description(build: Build):
    page, *_ = report(build())
    pictures = [a for tag, a in page.elements if tag == "svg" and a.get("aria-hidden") != "true"]
    assert len(pictures) == 2 * 3 + 2 * len(ROUTES)
    for attributes in pictures:
        assert attributes["role"] == "img"
        assert set(attributes["aria-labelledby"].split()) <= set(page.ids())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"slow": 80.0, "bad": 2},
        {"routes": {"GET /never": (0.001, 0, 1)}, "bad": 1},
        {"seconds": 1},
        {"seconds": 700},
        {"timeline": ()},
        {"routes": {}},
    ],
)
def test_no_place_in_a_picture_is_not_a_number(build: Build, changes: dict[str, object]):
    page, *_ = report(build(**changes))
    places = [value for _, a in page.elements for name, value in a.items() if name in {"d", "x", "y", "width", "cx"}]
    assert not [place for place in places if re.search("nan|inf", place or "", re.IGNORECASE)]
    assert page.open == []


def test_the_same_bundle_gives_the_same_bytes(build: Build):
    bundle = build(bad=1)
    report(bundle)
    first = {path.name: path.read_bytes() for path in bundle.path.iterdir()}
    report(bundle)
    assert {path.name: path.read_bytes() for path in bundle.path.iterdir()} == first


@pytest.mark.parametrize(
    ("changes", "objectives", "said"),
    [
        ({}, "reference", "✓ Pass All 16 objectives are kept"),
        ({"slow": 300.0}, "reference", "✕ Fail 10 of 16 objectives are missed"),
        ({"seconds": 2}, "reference", "? Inconclusive This run cannot decide"),
        ({"interrupted": "SIGTERM"}, "reference", "■ Interrupted The run was ended before its time"),
        ({}, None, "– Not judged There was nothing to judge by"),
        ({"bad": 1}, None, "✕ Fail Requests failed"),
    ],
)
def test_each_verdict_is_said_by_symbol_and_word_in_page_summary_and_terminal(build: Build, changes, objectives, said):
    bundle = build(**changes)
    page, summary, _, verdict = report(bundle, objectives)
    assert said in page.text
    symbol, word = said.split(" ", 2)[:2]
    assert summary.startswith(f"## {symbol} {word}")
    assert f"{symbol} {word.upper()}" in terminal(bundle, verdict)


def test_what_was_not_measured_leaves_no_section(build: Build):
    page, *_ = report(build(traces=False, queries=False, timeline=(), routes={}), None)
    assert {"objectives", "routes", "latency", "percentiles", "arrivals", "queries", "trace"}.isdisjoint(page.ids())
    assert {"errors", "generator", "plan"} <= set(page.ids())


def test_a_closed_model_has_no_plan_of_arrivals_and_says_that_its_times_are_service_times(build: Build):
    plan = PLAN.model_copy(update={"model": "closed", "profile": None, "process": None, "stages": (), "warmup": 0.0})
    page, summary, suite, _ = report(build(plan=plan), None)
    assert "plan" not in [a.get("class") for tag, a in page.elements if tag == "path"]
    assert "A closed model: times are service times" in page.text
    assert "closed model" in summary
    assert suite.find("testsuite").get("name") == "tailgate closed"


def test_a_percentile_that_reaches_unanswered_requests_is_shown_as_at_least(build: Build):
    bundle = build(bad=2)
    page, summary, suite, verdict = report(bundle)
    assert re.search("p95 ≥\u202f[0-9\u202f.]+\u202fms", page.text)
    assert "≥" in summary
    assert "at least" in suite.find(".//testcase[@name='contacts-by-phone-latency-p95']/system-out").text
    assert re.search(r"by-phone +\S+ +\S+ +≥[0-9.]+ +≥", terminal(bundle, verdict, width=120))


def test_the_slowest_trace_of_the_judged_part_is_drawn_as_a_waterfall(build: Build):
    bundle = build()
    early = json.loads(json.dumps(trace("GET /during/the/warm-up")).replace(str(int(BEGAN) + 12), str(int(BEGAN) + 1)))
    early["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["endTimeUnixNano"] = str(int((BEGAN + 4) * 1e9))
    with bundle.traces.open("a", encoding="utf-8") as file:
        file.write(json.dumps(early) + "\n")
    page, *_ = report(bundle)
    assert "/during/the/warm-up" not in page.text
    assert "GET\u00a0/api/conversations/{conversation_id}/messages, status 200, 49.0\u202fms" in page.text
    assert "slower than its route's objective" in page.text
    assert "3 times, from store.py:42 in messages: select id, body from messages" in page.text
    bars = [a["style"] for tag, a in page.elements if tag == "i" and "style" in a]
    assert bars[0] == "left:0;width:100%"
    assert bars[2] == "left:4.082%;width:6.53%"


def made_of(**seconds: float) -> Splits:
    nothing = dict.fromkeys(PARTS, 0.0)
    around = Parts(**{"requests": 21, "told": 21, **nothing, **seconds})
    return Splits(p50=around, p95=around, p99=around)


def with_split(bundle: Bundle, *splits: Splits | None, **changes: object) -> Bundle:
    """The bundle, its routes' times made of these."""
    run = bundle.read_run()
    routes = [route.model_copy(update={"split": split}) for route, split in zip(run.routes, splits, strict=False)]
    bundle.write_run(run.model_copy(update={"routes": (*routes, *run.routes[len(routes) :]), **changes}))
    return bundle


def test_what_a_p95_is_made_of_is_drawn_and_said_in_page_summary_and_under_a_missed_objective(build: Build):
    told = made_of(pool=0.41, database=0.12, application=0.06, network=0.04, lag=0.001)
    page, summary, _, verdict = report(bundle := with_split(build(slow=300.0), told, None))
    words = " ".join(page.text.split())
    assert "pool wait 410 database 120 application 60.0 network 40.0 the rest 1.00" in words.replace("\u202f", " ")
    assert "the server waited for a connection to its database" in words
    assert "Only LoadUser's plain requests are split" in words
    drawn = [(a["class"], a["width"]) for tag, a in page.elements if a.get("class", "").startswith("part ")]
    assert drawn == [
        ("part lag", "0.6"),
        ("part network", "25.4"),
        ("part pool", "259.9"),
        ("part database", "76.1"),
        ("part application", "38"),
    ]
    line = "pool wait 410, database 120, application 60.0, network 40.0, the rest 1.00"
    assert f"| 631 | {line} |" in summary
    shown = terminal(bundle, verdict, width=200)
    assert f"  GET /api/contacts/by-phone around p95, 631 ms: {line}" in shown
    assert shown.count("around p") == 2  # the objectives of one route


def test_where_the_server_tells_nothing_the_wait_is_shown(build: Build):
    page, summary, *_ = report(with_split(build(), made_of(wait=0.002, receive=0.001)))
    assert "first byte 2.00 receiving 1.00" in " ".join(page.text.split())
    assert "the server does not say what it did" in page.text
    assert "pool wait" not in page.text
    assert "first byte 2.00, receiving 1.00" in summary


def test_a_run_without_a_client_that_times_its_steps_says_so(build: Build):
    page, summary, *_ = report(build())
    assert {"split", "slowest"}.isdisjoint(page.ids())
    assert "known of LoadUser's requests alone" in page.text
    assert "made of" not in summary


def test_a_time_of_nothing_leaves_no_bar(build: Build):
    page, *_ = report(with_split(build(), made_of()))
    assert "split" in page.ids()
    assert not [a for _, a in page.elements if a.get("class", "").startswith("part ")]


def test_the_slowest_requests_lead_to_their_traces(build: Build):
    routes = {f"GET /{n}": (0.003, 5, 2) for n in range(14)}
    bundle = build(routes=routes)
    lines = bundle.traces.read_text().splitlines()
    ids = [f"{n:032x}" for n in range(len(lines))]
    # Neither of the longest nor of the first: by itself it would not be shown.
    texts = [line.replace("0af7651916cd43dd8448eb211c80319c", each) for line, each in zip(lines, ids, strict=True)]
    bundle.traces.write_text("\n".join(texts))
    slowest = (
        SlowRequest(response=2.5, due=12.0, route="GET /9", error=HOSTILE, trace_id=ids[9]),
        SlowRequest(response=2.4, due=12.5, route=HOSTILE, error=None, trace_id="f" * 32),
        SlowRequest(response=2.3, due=13.0, route="GET /2", error=None, trace_id=None),
    )
    page, *_ = report(with_split(bundle, slowest=(*slowest, *[slowest[2]] * 40)))
    assert page.open == []
    links = [a["href"] for tag, a in page.elements if tag == "a" and a.get("href", "").startswith("#trace-")]
    shown = [a["id"] for tag, a in page.elements if tag == "article"]
    assert len(shown) == 11
    assert {link.removeprefix("#") for link in links} <= set(shown)
    place = int(links[0].removeprefix("#trace-"))
    assert f"Trace {ids[9]}" in page.text.split("Kept because: ")[place]
    words = " ".join(page.text.split())
    assert "not kept" in words
    assert "43 are in run.json" in words
    assert not [tag for tag, _ in page.elements if tag == "script"]


def test_a_damaged_trace_is_named_by_its_line(build: Build):
    bundle = build()
    with bundle.traces.open("a", encoding="utf-8") as file:
        file.write('{"resourceSpans": []}\n')
    with pytest.raises(BundleError, match=r"traces\.jsonl:6"):
        report(bundle)


@pytest.mark.parametrize("changes", [{}, {"slow": 300.0}, {"seconds": 2}, {"interrupted": "SIGINT"}, {"bad": 1}])
@pytest.mark.parametrize("objectives", ["reference", None])
def test_the_test_report_has_a_failure_or_an_error_exactly_when_the_exit_code_is_not_0(
    build: Build, changes, objectives
):
    _, _, suites, verdict = report(build(**changes), objectives)
    suite = suites.find("testsuite")
    assert (int(suite.get("failures")) + int(suite.get("errors")) > 0) == (verdict.exit_code != 0)
    assert int(suite.get("tests")) == len(verdict.objectives) + len(verdict.skipped) + 1


def test_an_undecided_objective_is_an_error_and_a_missed_one_a_failure(build: Build):
    _, _, undecided, _ = report(build(seconds=2))
    case = undecided.find(".//testcase[@name='availability']")
    assert case.find("error").get("type") == "inconclusive"
    assert case.find("failure") is None


def test_an_unhealthy_generator_is_an_error_of_the_run_itself(build: Build):
    generator = Generator(reasons=("the engine used 99% of a core (limit 95%)",))
    page, _, suites, _ = report(build(generator=generator))
    assert suites.find(".//testcase[@name='run']/error").get("type") == "generator"
    assert "The generator was not healthy" in page.text


def test_hostile_names_stay_text_in_every_output(build: Build):
    plan = PLAN.model_copy(update={"profile": HOSTILE, "host": "http://h/<b>"})
    errors = {HOSTILE: 3}
    bundle = build(routes={HOSTILE: (0.003, 20, 2)}, warnings=(HOSTILE,), exceptions=errors, plan=plan, bad=1)
    page, summary, suites, verdict = report(bundle, None)
    assert page.open == []
    assert "script" not in [tag for tag, _ in page.elements]
    assert page.text.count("<script>alert(1)</script>") >= 5
    assert not re.search("[\x00\x1b\u202e]", page.text + summary + ElementTree.tostring(suites, "unicode"))
    assert "<" not in summary
    rows = [line for line in summary.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {10}
    assert "]]>" in suites.find(".//testcase[@name='run']/system-out").text
    shown = terminal(bundle, verdict, no_color=True)
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_summary_stays_under_its_limit_and_says_what_it_left_out(build: Build):
    bundle = build(seconds=1)
    run, verdict = bundle.read_run(), judge_bundle(bundle, None)
    many = tuple(run.routes[0].model_copy(update={"route": f"GET /|{i}|" + "|" * 180}) for i in range(500))
    written = write(bundle, run.model_copy(update={"routes": many, "warnings": ("w" * 500,) * 50}), verdict)
    page, summary = Page(written.read_text(encoding="utf-8")), (bundle.path / "summary.md").read_text(encoding="utf-8")
    assert len(summary.encode()) < 64 * 1024
    assert re.search(r"and \d+ more, in report\.html", summary)
    assert page.text.count("GET\u00a0/|499|") == 1


def test_the_terminal_names_each_objective_with_its_verdict_in_80_columns_without_colour(build: Build):
    bundle = build(slow=300.0)
    *_, verdict = report(bundle)
    shown = terminal(bundle, verdict, no_color=True)
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "✕ p95 ≤ 500 ms" in shown
    assert "✓ queries ≤ 4" in shown
    assert "✓ pass  Availability: 100 % succeeded" in shown
    assert "contacts-by-phone-latency-p95" in shown
