import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tailgate_loadtest.browser import process
from tailgate_loadtest.browser.conditions import NETWORKS
from tailgate_loadtest.browser.found import MEASURE, find
from tailgate_loadtest.browser.plan import BrowserPlan, Lane
from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.browser.visiting import Visiting
from tailgate_loadtest.errors import BrowserError
from tailgate_loadtest.judge.vitals.verdict import judge_visits
from tailgate_otel import names

from tests.browser import needs_chromium
from tests.loadtest.browser.conftest import Outcome, recorded
from tests.loadtest.browser.site import Page, Site

pytestmark = [
    needs_chromium,
    pytest.mark.skipif(not MEASURE.is_file(), reason="measure.js is not built: `make setup` where npm is found"),
    pytest.mark.xdist_group("browser"),
]
PATIENCE = 60.0

PRESS = """
export default async function visit({ page, host, step }) {
  await page.goto(`${host}/`);
  await step("pressing", () => page.getByRole("button").click());
  await page.getByText("It was pressed").waitFor();
}
"""
LOOK = """
export default async function visit({ page, host }) {
  await page.goto(`${host}/`);
}
"""
STAY = """
export default async function visit({ page, host }) {
  await page.goto(`${host}/`);
  await page.waitForTimeout(600_000);
}
"""
Visits = Callable[..., Outcome]


OTHERS: set[psutil.Process] = set()
"""Whom this process has started for other tests, which share them."""


@pytest.fixture(autouse=True)
def others() -> None:
    OTHERS.clear()
    OTHERS.update(psutil.Process().children(recursive=True))


def below() -> list[psutil.Process]:
    """Everybody that this process has started for this test, and whom those have."""
    return [each for each in psutil.Process().children(recursive=True) if each not in OTHERS]


def named(part: str) -> list[psutil.Process]:
    found = []
    for each in below():
        try:
            if any(part in argument for argument in each.cmdline()):
                found.append(each)
        except psutil.Error:
            continue
    return found


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.row("A1")
def test_a_visit_tells_all_five_measures_and_what_the_page_marked(visit: Visits, tmp_path: Path):
    [told], account = visit(PRESS)
    assert told.failed is None
    assert set(told.values) == {"lcp", "inp", "cls", "fcp", "ttfb"}
    assert told.missing == {}
    assert 0 < told.values["ttfb"] <= told.values["fcp"] <= told.values["lcp"] < told.seconds + 1
    assert set(told.timings) == {"shown"}
    assert (told.page, told.visit, told.lane, told.lcp_element) == ("/", "script", "desktop", "h1#title")
    assert told.requests >= 1
    assert told.bytes > 300
    pictures = {kind: (tmp_path / "bundle" / path).read_bytes() for kind, path in told.pictures.items()}
    assert {kind: picture[:3] for kind, picture in pictures.items()} == dict.fromkeys(("lcp", "end"), b"\xff\xd8\xff")
    assert (account.begun, account.ended, account.failed, account.cut, account.died) == (1, 1, 0, 0, None)
    assert account.browser.startswith("Chromium ")
    assert account.load.cpu_seconds > 0
    assert below() == []


def test_without_a_script_the_address_is_opened_as_it_is(visit: Visits, site: Site):
    site.pages["/orders"] = Page(body="<h1>Orders</h1>")
    [told], account = visit(plan={"host": f"{site.url}/orders?page=2"})
    assert (told.page, told.visit, told.failed) == ("/orders", "visit", None)
    assert told.missing == {"inp": "no interaction"}
    assert account.missing == {"inp": 1}


def test_a_page_that_is_left_takes_itself_for_hidden_and_its_beacon_goes_out(visit: Visits, site: Site):
    site.pages["/"] = Page(
        body="""<h1>Seen</h1><script>
          addEventListener("visibilitychange", () => navigator.sendBeacon("/told", document.visibilityState));
        </script>"""
    )
    site.pages["/told"] = Page(status=204)
    visit(LOOK)
    assert [told.body for told in site.of("/told")] == [b"hidden"]


def test_layout_shifts_are_counted_to_the_end(visit: Visits, site: Site):
    site.pages["/"] = Page(
        body="""<p id="late"></p><h1>It moves</h1><div style="height: 400px; background: silver"></div><script>
          setTimeout(() => { late.style.height = "300px"; document.title = "moved"; }, 200);
        </script>"""
    )
    [told], _ = visit(
        """
        export default async function visit({ page, host }) {
          await page.goto(`${host}/`);
          await page.waitForFunction(() => document.title === "moved");
        }
        """
    )
    assert told.values["cls"] > 0.05


# Whose requests bear what.


def test_requests_to_the_origin_alone_bear_the_visits_trace_and_the_secret(visit: Visits, site: Site, other: Site):
    site.pages["/"] = Page(
        body=f"""<h1>Mixed</h1><script src="/own.js"></script><img src="{other.url}/picture.svg">
        <script>fetch("/answer").then(() => fetch("/away", {{ mode: "no-cors" }})).then(() => document.title = "all");
        </script>"""
    )
    site.pages["/own.js"] = Page(body="window.loaded = true;", kind="text/javascript")
    site.pages["/answer"] = Page(body="{}", kind="application/json")
    site.pages["/away"] = Page(status=302, headers={"Location": f"{other.url}/landed"})
    for path in ("/picture.svg", "/landed"):
        other.pages[path] = Page(body="<svg xmlns='http://www.w3.org/2000/svg'/>", kind="image/svg+xml")
    [told], _ = visit(
        """
        export default async function visit({ page, host }) {
          await page.goto(`${host}/`);
          await page.waitForFunction(() => document.title === "all" && window.loaded);
        }
        """,
        plan={"run_secret": "hush"},
    )
    assert told.failed is None
    asked_for = [asked for path in ("/", "/own.js", "/answer", "/away") for asked in site.of(path)]
    parents = [asked.headers[names.HEADER_TRACEPARENT] for asked in asked_for]
    assert len(set(parents)) == 4
    assert {parent[:36] for parent in parents} == {f"00-{told.trace_id}-"}
    assert {parent[-3:] for parent in parents} == {"-01"}
    assert all(asked.headers[names.HEADER_RUN_SECRET] == "hush" for asked in site.of("/answer"))
    assert {asked.path for asked in other.asked} >= {"/picture.svg", "/landed"}
    for asked in other.asked:
        assert not {names.HEADER_TRACEPARENT, names.HEADER_RUN_SECRET} & set(asked.headers)


def test_browsers_say_that_they_are_a_load_test(visit: Visits, site: Site):
    visit(LOOK, device="phone")
    [asked] = site.of("/")
    assert names.SYNTHETIC_AGENT in asked.headers["user-agent"]
    assert "Mobile" in asked.headers["user-agent"]


CACHED = Page(body="window.loaded = true;", kind="text/javascript", headers={"Cache-Control": "public, max-age=3600"})


def test_each_visitor_is_a_new_one(visit: Visits, site: Site):
    site.pages["/"] = Page(
        body="""<h1>Cached</h1><script src="/asset.js"></script>
        <script>performance.mark(localStorage.been ? "again" : "first"); localStorage.been = "yes";</script>"""
    )
    site.pages["/asset.js"] = CACHED
    told, _ = visit(LOOK, visits=3)
    assert len(site.of("/asset.js")) == 3
    assert [(each.failed, set(each.timings)) for each in told] == [(None, {"first"})] * 3


def test_logging_in_is_not_measured_and_leaves_its_session_but_nothing_cached(visit: Visits, site: Site):
    site.pages["/"] = Page(
        body="""<h1></h1><script src="/asset.js"></script>
        <script>document.querySelector("h1").textContent = sessionStorage.who ?? "Nobody";</script>"""
    )
    site.pages["/asset.js"] = CACHED
    [told], _ = visit(
        """
        export async function login({ page, host, targets }) {
          await page.goto(`${host}/`);
          await page.evaluate(() => { sessionStorage.who = "Ana"; performance.mark("logged_in"); });
        }
        export default async function visit({ page, host }) {
          await page.goto(`${host}/`);
          await page.getByText("Ana").waitFor();
        }
        """
    )
    assert told.failed is None
    assert told.timings == {}
    assert len(site.of("/asset.js")) == 2
    first, second = site.of("/")
    assert names.HEADER_TRACEPARENT not in first.headers
    assert names.HEADER_TRACEPARENT in second.headers


def test_proxies_of_the_environment_are_not_asked(
    visit: Visits, site: Site, other: Site, monkeypatch: pytest.MonkeyPatch
):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, other.url)
    monkeypatch.setenv("no_proxy", "<-loopback>")  # without it Chromium asks none for an address such as the site's
    [told], _ = visit(LOOK)
    assert told.failed is None
    assert len(site.of("/")) == 1
    assert other.asked == []


# Conditions.


def test_a_slow_network_delays_the_navigation_itself(visit: Visits):
    [told], account = visit(LOOK, network="4g")
    network = NETWORKS["4g"]
    assert network is not None
    assert network.latency <= told.values["ttfb"] <= told.values["fcp"]
    assert account.lanes[0].network == "4g"


def test_a_phone_is_touched_and_as_wide_as_one(visit: Visits, site: Site):
    site.pages["/"] = Page(
        body="""<meta name="viewport" content="width=device-width"><h1>Phone</h1><script>
          performance.mark(`width_${innerWidth}_scale_${devicePixelRatio}_touch_${navigator.maxTouchPoints > 0}`);
        </script>"""
    )
    [told], _ = visit(LOOK, device="phone")
    assert set(told.timings) == {"width_390_scale_3_touch_true"}


def test_a_slow_processor_takes_longer_for_the_same(visit: Visits, site: Site):
    site.pages["/"] = Page(
        body="""<h1>Busy</h1><script>
          const took = [];
          for (let round = 0; round < 9; round++) {
            const began = performance.now();
            let sum = 0;
            for (let n = 0; n < 2e7; n++) sum += n % 7;
            took.push(performance.now() - began);
          }
          took.sort((a, b) => a - b);
          performance.mark("least", { startTime: took[0] });
          performance.mark("median", { startTime: took[4] });
        </script>"""
    )
    [quick], _ = visit(LOOK)
    [slow], _ = visit(LOOK, cpu=10)
    # On a busy machine some rounds are slowed down by others, and in some the browser comes late to slow down its own.
    assert slow.timings["median"] > 2 * quick.timings["least"]


def test_scripts_draw_the_same_numbers_in_every_run(visit: Visits):
    draw = "export default async function visit({ random }) { throw new Error([random(), random()].join()); }"
    bare = {"pictures": False}
    first, again = ([told.failed for told in visit(draw, visits=2, plan=bare)[0]] for _ in range(2))
    other = [told.failed for told in visit(draw, visits=2, plan={**bare, "seed": 2})[0]]
    assert first == again
    assert first[0] != first[1]
    assert first != other


# What fails.


def test_a_page_that_never_answers_fails_in_time_and_says_what_is_missing(visit: Visits, site: Site):
    site.pages["/"] = Page(held=True)
    [told], account = visit(LOOK, plan={"visit_within": 2.0})
    assert told.failed is not None
    assert "Timeout" in told.failed or "took longer than 2 s" in told.failed
    assert (told.values, told.page) == ({}, None)
    assert set(told.missing.values()) == {"the visit failed"}
    assert (account.failed, account.died) == (1, None)


def test_what_a_script_throws_is_told_with_its_step_and_without_any_query(visit: Visits):
    [told], _ = visit(
        """
        export default async function visit({ page, host, step }) {
          await page.goto(`${host}/?key=hush`);
          await page.evaluate(() => console.error("refused (at /answer?key=hush(1)hush)"));
          await step("answering", () => { throw new Error("no way at http://example.test/?key=hush"); });
        }
        """
    )
    assert told.failed == "answering: no way at http://example.test/?…"
    assert told.console == ("refused (at /answer?…",)
    assert "hush" not in told.model_dump_json()


def test_what_is_cut_short_can_be_read_though_it_was_cut_within_a_letter(visit: Visits):
    [told], _ = visit(
        """
        export default async function visit({ page, host }) {
          await page.goto(`${host}/`);
          await page.evaluate(() => console.error("x".repeat(298) + "🔒 and more"));
        }
        """
    )
    assert told.console == ("x" * 298 + "\ufffd…",)


def test_a_page_that_is_answered_with_an_error_fails(visit: Visits, site: Site):
    site.pages["/"] = Page(body="<h1>Out of order</h1>", status=503)
    [told], _ = visit(LOOK)
    assert told.failed == "/ was answered with status 503"


@pytest.mark.parametrize(
    ("elsewhere", "here", "failed"), [(200, 503, "/ was answered with status 503"), (503, 200, None)]
)
def test_the_status_that_counts_is_that_of_the_hosts_own_page(
    visit: Visits, site: Site, other: Site, elsewhere: int, here: int, failed: str | None
):
    other.pages["/"] = Page(body="<h1>Sign in</h1>", status=elsewhere)
    site.pages["/"] = Page(body="<h1>Welcome</h1>", status=here)
    [told], _ = visit(
        f"""
        export default async function visit({{ page, host }}) {{
          await page.goto("{other.url}/");
          await page.goto(`${{host}}/`);
        }}
        """
    )
    assert (told.failed, told.page) == (failed, "/")


def test_a_visit_that_opens_nothing_of_the_host_fails(visit: Visits, site: Site, other: Site):
    [told], _ = visit("export default async function visit() {}")
    assert told.failed == f"opened no page of {site.url}"
    other.pages["/"] = Page(body="<h1>Elsewhere</h1>")
    [told], _ = visit(f'export default async function visit({{ page }}) {{ await page.goto("{other.url}/"); }}')
    assert told.failed == f"opened no page of {site.url}, but one of {other.url}: give that if it is meant"
    assert told.page is None


def test_an_address_that_only_leads_to_another_fails_and_names_that(visit: Visits, site: Site, other: Site):
    site.pages["/"] = Page(status=302, headers={"Location": f"{other.url}/home?from=there"})
    other.pages["/home"] = Page(body="<h1>Moved</h1>")
    [told], _ = visit()
    assert told.failed == f"opened no page of {site.url}, but one of {other.url}: give that if it is meant"


def test_after_a_page_that_hangs_crashes_or_takes_its_browser_along_the_next_visit_goes_well(visit: Visits, site: Site):
    site.pages["/hangs"] = Page(body="<h1>Endless</h1><script>for (;;);</script>")
    told, account = visit(
        """
        let visits = 0;
        export default async function visit({ page, host }) {
          switch (visits++) {
            case 0: return page.goto(`${host}/hangs`);
            case 1: return page.goto("chrome://crash");
            case 2: {
              await page.goto(`${host}/`);
              const session = await page.context().browser().newBrowserCDPSession();
              return session.send("Browser.crash");
            }
            default: await page.goto(`${host}/`);
          }
        }
        """,
        visits=4,
        plan={"visit_within": 5.0},
    )
    assert [each.failed is None for each in told] == [False, False, False, True]
    assert "crash" in str(told[1].failed)
    assert set(told[3].values) >= {"lcp", "fcp", "ttfb"}
    assert (account.ended, account.died) == (4, None)


def test_a_visit_that_could_not_begin_is_missing_and_lets_nothing_be_decided(visit: Visits):
    told, account = visit(
        """
        export let permissions = [];
        export default async function visit({ page, host }) {
          await page.goto(`${host}/`);
          permissions = ["nonsense"]; // which no browser gives to the next visitor
        }
        """,
        visits=2,
    )
    assert [each.failed for each in told] == [None]
    assert (account.begun, account.cut, account.died) == (1, 0, None)
    assert "a browser of lane desktop failed: " in account.warnings[0]
    judged = judge_visits(told, account, None)
    assert (judged.verdict, judged.reasons) == ("inconclusive", ("script (desktop): 1 of 2 visits were begun",))


def test_a_page_cannot_tell_what_it_likes(visit: Visits, site: Site):
    site.pages["/"] = Page(
        body="""<h1>Liar</h1><script>
          const lie = { document: performance.timeOrigin, kind: "vital", name: "inp", value: 0 };
          globalThis.__tailgate?.(JSON.stringify(lie));
          for (const name of ["Bad Name", "x".repeat(41), "__proto__", "fine"]) performance.mark(name);
          performance.mark("fine", { startTime: 1e9 });
          performance.mark("late", { startTime: 1e9 });
        </script>"""
    )
    [told], _ = visit(LOOK)
    assert set(told.timings) == {"fine"}
    assert "inp" in told.missing


def test_a_page_that_replaces_what_it_is_measured_by_forges_nothing_and_harms_nobody(visit: Visits, site: Site):
    site.pages["/"] = Page(
        body="""<h1>Forger</h1><script>
          const { stringify } = JSON;
          const origin = location.origin;
          let number = 0;
          const forged = () => ({ document: ++number, kind: "document", origin, path: `/${number}${"x".repeat(90)}` });
          JSON.stringify = () => stringify(forged());
          Object.prototype.toJSON = forged;
          Object.defineProperty(performance, "timeOrigin", { get: () => ++number });
          for (let n = 0; n < 1000; n++) performance.mark(`m${n}`);
        </script>"""
    )
    [told], account = visit(LOOK)
    assert (told.failed, told.page, told.warnings, account.died) == (None, "/", (), None)
    assert set(told.values) >= {"lcp", "fcp", "ttfb"}
    assert len(told.timings) == 40


def test_a_page_that_calls_a_mark_by_no_text_harms_nobody(visit: Visits, site: Site):
    site.pages["/"] = Page(
        body="""<h1>Liar</h1><script>
          RegExp.prototype.test = () => true;
          Object.defineProperty(PerformanceEntry.prototype, "name", { get: () => ({ toString: 5, valueOf: 5 }) });
          performance.mark("shown");
        </script>"""
    )
    [told], account = visit(LOOK)
    assert (told.failed, told.timings, account.died) == (None, {}, None)


def test_what_a_page_marks_again_and_again_does_not_crowd_out_its_other_moments(visit: Visits, site: Site):
    site.pages["/"] = Page(
        body="""<h1>Ticking</h1><script>
          for (let n = 0; n < 1500; n++) { performance.mark("tick"); performance.mark(`Tick ${n}`); }
          performance.mark("shown");
        </script>"""
    )
    [told], _ = visit(LOOK)
    assert set(told.timings) == {"tick", "shown"}


def test_only_the_first_page_of_a_visit_is_measured_and_that_is_said_once(visit: Visits, site: Site):
    site.pages["/next"] = Page(body="<h1>Next</h1><script>performance.mark('next');</script>")
    site.pages["/last"] = Page(body="<h1>Last</h1>")
    [told], account = visit(
        """
        export default async function visit({ page, host }) {
          for (const path of ["/", "/next", "/last"]) await page.goto(host + path);
        }
        """
    )
    assert (told.page, set(told.timings)) == ("/", {"shown"})
    assert told.warnings == ("a visit went on to /next: only its first page is measured",)
    assert account.warnings == told.warnings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("export const visit = 1;", "script.mjs: exports no visit"),
        ("this is no JavaScript", "script.mjs: cannot be read as an ES module"),
        ('throw new Error("not today");', "not today"),
        ("export const page = 5; export default () => {};", r'page must be a path such as "/orders/\{id\}", and is 5'),
        ("export const page = 'orders'; export default () => {};", "and is 'orders'"),
        ("export const page = '/orders#all'; export default () => {};", "and is '/orders#all'"),
        ("export const page = '/' + 'x'.repeat(200); export default () => {};", "and is '/xxx"),
        (r"export const page = '/\ud83d'; export default () => {};", "script.mjs: page must be a path"),
    ],
)
def test_a_script_that_is_none_is_refused_before_anything_begins(
    visiting: Callable[..., Visiting], text: str, said: str
):
    with pytest.raises(BrowserError, match=said), visiting(text):
        pass
    assert below() == []


def test_a_chromium_that_does_not_start_is_named(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libnss3.so' >&2\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv(names.ENV_CHROMIUM, str(broken))
    plan = BrowserPlan(host=site.url, lanes=(Lane(),))
    with pytest.raises(BrowserError, match=r"does not start: .*libnss3"), Visiting(plan, tmp_path, find(os.environ)):
        pass


def test_a_place_for_temporary_files_may_be_deep_down(visit: Visits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    deep = tmp_path / ("deep" * 20)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    [told], _ = visit(LOOK)
    assert told.failed is None


def test_what_scripts_print_without_end_is_no_message_and_stops_nobody(visit: Visits):
    [told], account = visit(
        """
        export default async function visit({ page, host }) {
          for (let n = 0; n < 2000; n++) console.log(JSON.stringify({ done: true, text: "x".repeat(1000) }));
          await page.goto(`${host}/`);
        }
        """
    )
    assert (told.failed, account.died) == (None, None)


def test_a_script_that_computes_without_end_is_taken_to_hang(
    visiting: Callable[..., Visiting], monkeypatch: pytest.MonkeyPatch
):
    with visiting("export default async function visit() { for (;;); }", held=True) as running:
        monkeypatch.setattr(process, "SILENCE", 5.0)
        running.begin()
        assert running.wait(PATIENCE)
    account = running.account()
    assert account.died is not None
    assert "hung" in account.died
    assert (account.begun, account.ended, account.cut) == (1, 0, 1)
    assert below() == []


# Ends.


def begun(site: Site, count: int = 1) -> None:
    until(lambda: len(site.of("/")) >= count)


def test_told_to_finish_a_visit_that_runs_comes_to_its_end(
    visiting: Callable[..., Visiting], site: Site, tmp_path: Path
):
    with visiting(PRESS, visits=None) as running:
        begun(site)
        running.finish()
        assert running.wait(PATIENCE)
    account = running.account()
    assert account.begun == account.ended == len(recorded(tmp_path)) >= 1
    assert account.failed == 0


def test_a_cut_ends_visits_at_once_and_leaves_a_whole_bundle(
    visiting: Callable[..., Visiting], site: Site, tmp_path: Path
):
    with visiting(STAY, visits=None) as running:
        begun(site)
        running.cut(signal.SIGINT)
        assert running.wait(PATIENCE)
    account = running.account()
    assert (account.begun, account.ended, account.cut, account.interrupted) == (1, 0, 1, "SIGINT")
    assert recorded(tmp_path) == []
    assert account.died is None
    assert below() == []


def test_a_cut_leaves_no_picture_that_no_visit_tells_of(visiting: Callable[..., Visiting], tmp_path: Path):
    pictures = tmp_path / "bundle" / "pictures"
    with visiting(STAY, visits=None) as running:
        until(lambda: list(pictures.iterdir()))
        running.cut(signal.SIGINT)
        assert running.wait(PATIENCE)
    assert list(pictures.iterdir()) == []


def test_a_signals_handler_may_cut_while_somebody_waits(visiting: Callable[..., Visiting], site: Site):
    with visiting(STAY, visits=None) as running:
        begun(site)
        before = signal.signal(signal.SIGUSR1, lambda number, _: running.cut(number))
        try:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            assert running.wait(PATIENCE)
        finally:
            signal.signal(signal.SIGUSR1, before)
    assert running.account().interrupted == "SIGUSR1"


def test_leaving_the_block_ends_every_browser(visiting: Callable[..., Visiting], site: Site):
    with visiting(STAY, visits=None, count=2):
        begun(site, 2)
        assert len(named("--type=renderer")) >= 2
    assert below() == []


def test_a_driver_that_is_killed_ends_visits_and_browsers_and_is_said_to_have_died(
    visiting: Callable[..., Visiting], site: Site
):
    with visiting(STAY, visits=None) as running:
        begun(site)
        [driver] = [each for each in named("runner.mjs") if "keeper" not in " ".join(each.cmdline())]
        driver.kill()
        assert running.wait(PATIENCE)
    account = running.account()
    assert account.died is not None
    assert "died (exit code -9)" in account.died
    assert account.cut == 1
    assert below() == []


PARENT = """
import os, sys
from pathlib import Path
from tailgate_loadtest.browser.found import find
from tailgate_loadtest.browser.plan import BrowserPlan, Lane
from tailgate_loadtest.browser.visiting import Visiting

plan = BrowserPlan(host=sys.argv[1], lanes=(Lane(visit=Path(sys.argv[2])),))
with Visiting(plan, Path(sys.argv[3]), find(os.environ)) as visiting:
    visiting.wait()
"""


@pytest.mark.parametrize("victim", ["parent", "keeper"])
def test_browsers_end_with_whoever_is_killed_above_them(
    victim: str, site: Site, script: Callable[[str], Path], tmp_path: Path
):
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-c", PARENT, site.url, str(script(STAY)), str(tmp_path)]
        parent = subprocess.Popen(command, env={**os.environ, "TMPDIR": place})
        try:
            begun(site)
            everybody = psutil.Process(parent.pid).children(recursive=True)
            assert len(everybody) > 3
            keeper = next(each for each in everybody if "tailgate_loadtest.browser.keeper" in each.cmdline())
            (parent if victim == "parent" else keeper).kill()
            assert psutil.wait_procs(everybody, PATIENCE)[1] == []
            if victim == "keeper":
                assert parent.wait(PATIENCE) == 0
            until(lambda: list(Path(place).iterdir()) == [])
        finally:
            parent.kill()
            parent.wait()


# Several at once.


def test_lanes_visit_beside_one_another_and_each_visit_has_a_number(
    site: Site, script: Callable[[str], Path], tmp_path: Path
):
    ended: list[Visit] = []
    lanes = (Lane(visit=script(PRESS), count=2, visits=3), Lane(device="phone", visits=2, every=0.5))
    plan = BrowserPlan(host=site.url, lanes=lanes, pictures=False)
    began = time.time() - 100
    with Visiting(plan, tmp_path, find(os.environ), on_visit=ended.append, held=True) as running:
        assert site.of("/") == []
        running.begin(began)
        running.wait()
    account = running.account()
    assert sorted(visit.number for visit in ended) == [1, 2, 3, 4, 5]
    assert [(lane.name, lane.ended, lane.failed) for lane in account.lanes] == [("desktop", 3, 0), ("phone", 2, 0)]
    assert all(visit.began >= 100 for visit in ended)
    assert len({visit.trace_id for visit in ended}) == 5
    assert [visit.pictures for visit in ended] == [{}] * 5
    assert list((tmp_path / "pictures").iterdir()) == []


def test_a_visit_that_cannot_be_kept_is_not_swallowed(visiting: Callable[..., Visiting]):
    def fail(_: Visit) -> None:
        raise ValueError("no room")

    running = visiting(LOOK)
    running._on_visit = fail
    with pytest.raises(ValueError, match="no room"), running:
        running.wait()
    assert below() == []
