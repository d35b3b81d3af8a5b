"""``tailgate vitals``: pages in a real browser, and what they come to."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tailgate_loadtest.browser.found import MEASURE, find
from tailgate_otel import names
from tailgate_slo import reference_path
from tailgate_slo.model import VITALS

from tailgate.browsing import warn_without_sandbox
from tests.browser import needs_chromium, needs_pages
from tests.loadtest.browser.conftest import HOME
from tests.loadtest.browser.site import Page, Site
from tests.tailgate.conftest import Command, free_port, serving

pytestmark = [
    needs_chromium,
    pytest.mark.skipif(not MEASURE.is_file(), reason=f"{MEASURE.name} is not built: `make setup` where npm is found"),
    pytest.mark.xdist_group("browser"),
]

SCRIPT = """
export const page = "/home";

export async function login({ page, host }) {
  await page.goto(`${host}/login`);
}

export default async function visit({ page, host, step }) {
  await page.goto(`${host}/`);
  await step("pressing", () => page.getByRole("button", { name: "NAME" }).click({ timeout: WITHIN }));
  await page.getByText("It was pressed").waitFor();
}
"""
WITHOUT_SANDBOX = "as root Chromium has no sandbox: visit pages that you trust, or run this as somebody else"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.pages["/"] = Page(body=HOME)
        site.pages["/login"] = Page(body="<p>Welcome", headers={"Set-Cookie": "signed=in"})
        yield site


@pytest.fixture
def script(tailgate: Command) -> Callable[..., str]:
    """Writes a script that presses the button of a name, for which it waits so many milliseconds."""

    def script(button: str, within: int = 30_000) -> str:
        (tailgate.cwd / "visit.js").write_text(SCRIPT.replace("NAME", button).replace("WITHIN", str(within)))
        return "visit.js"

    return script


def lines_of(bundle: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bundle / "visits.jsonl").read_text().splitlines()]


def test_a_reference_page_without_the_targets_to_sign_in_by_is_refused_before_any_visit(
    tailgate: Command, site: Site
) -> None:
    done = tailgate.here("vitals", "--url", site.url, "--script", "dashboard")
    assert done.returncode == 2
    assert "there is no .tailgate/targets.json here: start `tailgate serve`" in " ".join(done.stderr.split())
    assert not site.asked


def test_any_page_is_measured_and_nothing_of_ours_is_needed_there(tailgate: Command, site: Site) -> None:
    done = tailgate.here("vitals", "--url", f"{site.url}/?token=topsecret", "--visits", "2", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    document, bundle = said["vitals"], tailgate.cwd / said["bundle"]
    assert document["verdict"] == "unjudged"
    cells = {cell["vital"] or cell["timing"]: cell for cell in document["cells"]}
    assert {cell["page"] for cell in cells.values()} == {"/"}
    assert set(cells) == {*VITALS, "shown"}
    assert {name for name, cell in cells.items() if cell["samples"] == 2} == {*VITALS, "shown"} - {"inp"}
    assert cells["inp"]["missing"] == 2
    assert cells["lcp"]["element"] == "h1#title"
    assert json.loads((bundle / "vitals.json").read_text()) == document
    assert [visit["number"] for visit in lines_of(bundle)] == [1, 2]
    assert list((bundle / "pictures").iterdir())
    assert 'src="data:image/' in (bundle / "report.html").read_text()
    assert bundle.resolve() == (tailgate.cwd / "runs" / "vitals" / "latest").resolve()
    kept = "".join(file.read_text() for file in bundle.iterdir() if file.is_file())
    assert "topsecret" not in kept + done.stdout + done.stderr
    assert (WITHOUT_SANDBOX in " ".join(done.stderr.split())) == (os.geteuid() == 0)
    assert len(site.of("/")) == 2
    assert all(names.SYNTHETIC_AGENT in asked.headers["user-agent"] for asked in site.of("/"))


@pytest.mark.parametrize(("user", "said"), [(0, f"{WITHOUT_SANDBOX}\n"), (1000, "")])
def test_root_alone_is_told_that_chromium_has_no_sandbox(
    user: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    warn_without_sandbox(find(os.environ))
    assert capsys.readouterr() == ("", said)


def test_a_script_signs_in_and_acts_and_what_people_would_feel_is_judged(
    tailgate: Command, site: Site, script: Callable[..., str], objectives: Callable[..., str]
) -> None:
    slo = objectives(
        ("home-lcp", "vital, vital: lcp", "/home", "30s", "0.5"),
        ("home-inp", "vital, vital: inp", "/home", "30s", "0.5"),
        ("home-shown", "vital, timing: shown", "/home", "30s", "0.5"),
        ("other-lcp", "vital, vital: lcp", "/other", "30s", "0.5"),
        ("api", "latency", "GET /api", "1s", "0.5"),
    )
    conditions = ("--device", "phone", "--network", "fast-4g", "--cpu", "2", "--no-pictures", "--out", "measured")
    done = tailgate.here(
        "vitals", "--url", site.url, "--script", script("Press"), "--slo", slo, "--visits", "5", *conditions
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/home  visit, phone fast-4g cpu/2: 5 visits" in done.stdout
    assert "✓ PASS  All 3 objectives are kept" in done.stdout
    assert "not judged, since no visit came to their pages: other-lcp" in done.stdout
    bundle = (tailgate.cwd / "measured" / "latest").resolve()
    assert not list(bundle.glob("pictures/*"))
    assert (bundle / "slo.yaml").read_text() == (tailgate.cwd / slo).read_text()
    document = json.loads((bundle / "vitals.json").read_text())
    assert document["setting"]["url"] == site.url
    assert document["account"]["lanes"][0]["network"] == "fast-4g"
    assert {asked.headers.get("cookie") for asked in site.of("/")} == {"signed=in"}
    traces = {asked.headers["traceparent"].split("-")[1] for asked in site.of("/")}
    assert traces == {visit["trace_id"] for visit in lines_of(bundle)}
    again = tailgate.here("gate", str(bundle), "--json")
    assert (again.returncode, json.loads(again.stdout)["vitals"]) == (0, document), again.stderr


def test_a_missed_objective_is_exit_code_1(tailgate: Command, site: Site, objectives: Callable[..., str]) -> None:
    slo = objectives(("lcp", "vital, vital: lcp", "/", "1ms", "0.75"))
    done = tailgate.here("vitals", "--url", site.url, "--slo", slo, "--visits", "3", "--browsers", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✕ FAIL  1 of 1 objectives is missed" in done.stdout
    assert "3 of 3 visits were bad" in " ".join(done.stdout.split())


def test_visits_that_fail_say_at_what_and_are_exit_code_1(
    tailgate: Command, site: Site, script: Callable[..., str]
) -> None:
    done = tailgate.here("vitals", "--url", site.url, "--script", script("Nowhere", 500), "--visits", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "1 of 1 visits failed; no objectives of vitals were given to judge by" in said
    assert "! 1 visit failed: pressing: " in said
    assert "1 failed" in said


@pytest.mark.row("A1")
@needs_pages
def test_the_reference_pages_are_measured_by_their_names_against_their_objectives(tailgate: Command) -> None:
    with serving(tailgate) as (served, _):
        done = tailgate.here(
            *("vitals", "--url", served["url"], "--script", "dashboard", "--targets", served["targets"]),
            *("--slo", str(reference_path()), "--visits", "2", "--json"),
        )
    assert done.returncode in (1, 3), done.stdout + done.stderr
    document = json.loads(done.stdout)["vitals"]
    assert document["failures"] == {}
    told = {cell["vital"] or cell["timing"]: cell for cell in document["cells"] if cell["page"] == "/dashboard"}
    assert {*VITALS, "panels_complete"} <= set(told)
    assert all(told[name]["samples"] == 2 for name in (*VITALS, "panels_complete"))
    judged = {finding["vital"] or finding["timing"] for finding in document["objectives"]}
    assert judged == {*VITALS, "panels_complete"}
    assert document["skipped"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--url", "shop.example"], "'shop.example' is no address of a page"),
        (["--url", f"http://127.0.0.1:{free_port()}"], "start it, or correct --url"),
        (["--script", "none.js"], "--script none.js: there is no such file"),
        (["--script", "checkout"], "there are agent, dashboard, inbox"),
        (["--script", "empty.js"], "exports no visit"),
        (["--targets", "none.json"], "--targets none.json: there is no such file"),
        (["--slo", "none.yaml"], "none.yaml"),
        (["--cpu", "0.5"], "cpu 0.5 is no factor"),
        (["--browsers", "17"], "17 browsers"),
        (["--device", "watch"], "watch"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence_and_leaves_nothing(
    tailgate: Command, site: Site, refused: Callable[..., str], arguments: list[str], named: str
) -> None:
    (tailgate.cwd / "empty.js").write_text("export const page = '/';\n")
    assert named in refused("vitals", "--url", site.url, *arguments)
    assert not [path for path in tailgate.cwd.glob("runs/vitals/*") if path.name != ".gitignore"]


def test_without_chromium_it_is_said_how_to_have_it(tailgate: Command, site: Site) -> None:
    environment = {**tailgate.environment, names.ENV_CHROMIUM: "/nowhere/chromium"}
    done = Command(tailgate.cwd, environment).here("vitals", "--url", site.url)
    assert done.returncode == 2
    assert "TAILGATE_CHROMIUM=/nowhere/chromium: there is no such program" in " ".join(done.stderr.split())


def test_what_is_interrupted_keeps_the_visits_that_were_and_leaves_no_process(tailgate: Command, site: Site) -> None:
    process = tailgate.start("vitals", "--url", site.url, "--visits", "1000")
    try:
        while not any(file.stat().st_size for file in tailgate.cwd.glob("runs/vitals/*/visits.jsonl")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        said, complained = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 143, said + complained
    assert "■ INTERRUPTED" in said
    bundle = tailgate.cwd / "runs" / "vitals" / "latest"
    document = json.loads((bundle / "vitals.json").read_text())
    assert (document["verdict"], document["account"]["interrupted"]) == ("interrupted", "SIGTERM")
    assert len(lines_of(bundle)) == document["account"]["ended"]
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
