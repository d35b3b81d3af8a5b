"""``tailgate vitals``: any page, as people feel it, in a real browser."""

import datetime as dt
import os
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

import typer
from tailgate_loadtest import data
from tailgate_loadtest.browser.account import Account
from tailgate_loadtest.browser.conditions import DeviceName, NetworkName
from tailgate_loadtest.browser.found import Browsing, find
from tailgate_loadtest.browser.plan import BrowserPlan, Lane
from tailgate_loadtest.browser.recording import FILE as VISITS
from tailgate_loadtest.browser.recording import Visit, read
from tailgate_loadtest.browser.visiting import Visiting
from tailgate_loadtest.judge.vitals.document import Setting, VitalsDocument
from tailgate_loadtest.judge.vitals.stored import write_document
from tailgate_loadtest.judge.vitals.verdict import judge_visits
from tailgate_loadtest.report import show
from tailgate_loadtest.run import environment
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.conduct import check_reachable
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.shapes.browsers import is_script
from tailgate_loadtest.targets import DEFAULT
from tailgate_otel import names
from tailgate_slo import Objectives

from tailgate import objectives as objectives_files
from tailgate import options
from tailgate import settings as settings_file
from tailgate.browsing import warn_without_sandbox
from tailgate.console import interactive, say
from tailgate.errors import CommandError
from tailgate.telling import conclude_visits
from tailgate.texts import file_of

_BELOW = "vitals"
"""Within the directory of runs, among which a bundle without a load would be none."""
_EVERY = 10.0
"""Seconds between two lines of progress where nobody looks on."""


def vitals(
    url: Annotated[str, typer.Option("--url", help="The page, such as https://shop.example/orders.")],
    script: Annotated[
        str | None,
        typer.Option(
            "--script",
            help="A visit script, which signs in, clicks and leaves; or inbox, dashboard or agent, the reference"
            " pages'. Without it the page is opened, looked at until it is quiet, and left.",
        ),
    ] = None,
    visits: Annotated[int, typer.Option("--visits", min=1, help="How many there are to be.")] = 20,
    device: Annotated[DeviceName, typer.Option("--device", help="What the visitor has in hand.")] = "desktop",
    network: Annotated[
        NetworkName, typer.Option("--network", help="The network that it is given; none: this machine's.")
    ] = "none",
    cpu: Annotated[float, typer.Option("--cpu", help="So many times slower than this machine is the device.")] = 1.0,
    browsers: Annotated[
        int, typer.Option("--browsers", min=1, help="How many visit at once; more disturb one another.")
    ] = 1,
    slo: options.Slo = None,
    targets: Annotated[
        str | None,
        typer.Option("--targets", help="A JSON file that the script is given, such as the reference API's targets."),
    ] = None,
    out_dir: Annotated[
        str | None, typer.Option("--out", help="Where bundles are written; by default runs/vitals/.")
    ] = None,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Take none: they show all that the page shows.")
    ] = False,
    insecure: options.Insecure = False,
    as_json: options.AsJson = False,
) -> None:
    """Visit a page again and again in a real browser, and judge what people would feel: LCP, INP, CLS, FCP, TTFB.

    Nothing of ours is needed there. Each value is the 75th percentile of the visits, with its interval; objectives of
    vitals in the objectives file are judged by it. Moments that the page marks by performance.mark() are measured, too.
    The bundle, below runs/vitals, keeps every visit, pictures of some, and a report.

    Exit codes: 0 pass, 1 an objective is missed or, without any, a visit failed, 2 wrong usage or set-up, 3
    inconclusive, 130/143 interrupted.

        tailgate vitals --url https://shop.example/orders
        tailgate vitals --url http://127.0.0.1:8000 --script checkout.js --device phone --network 4g --cpu 4
    """
    defaults = settings_file.load()
    visit = _script(script) if script else None
    given = _targets(script, targets or defaults.targets) if script else targets
    plan = BrowserPlan(
        host=url,
        lanes=(
            Lane(
                visit=visit,
                count=min(browsers, visits),
                device=device,
                network=network,
                cpu=cpu,
                visits=visits,
            ),
        ),
        targets=file_of(given, "--targets") if given else None,
        pictures=not no_pictures,
        insecure=insecure,
        run_secret=os.environ.get(names.ENV_RUN_SECRET),
    )
    objectives = objectives_files.find(slo or defaults.slo, reference=False)
    browsing = find(os.environ)
    check_reachable(plan.origin, "start it, or correct --url")
    directory = Path(out_dir) if out_dir else Path(defaults.out or "runs") / _BELOW
    with Interruption() as interruption:
        try:
            bundle, document = _measure(plan, browsing, objectives, directory, interruption)
        except KeyboardInterrupt:
            say("interrupted before the first visit; nothing was measured")
            raise typer.Exit(interruption.exit_code) from None
    raise typer.Exit(conclude_visits(bundle, document, as_json=as_json))


def _targets(script: str, given: str | None) -> str | None:
    """The file that a script is given; those of the reference pages cannot do without."""
    if given or is_script(script):
        return given
    if DEFAULT.is_file():
        return str(DEFAULT)
    raise CommandError(
        f"--script {script}: signs in by the targets file of the reference API, and there is no {DEFAULT} here: start"
        " `tailgate serve` in this directory, which writes it, or name one by --targets"
    )


def _script(given: str) -> Path:
    """A file, or one of the reference pages' by its name."""
    return file_of(given, "--script") if is_script(given) else data.visit(given)


def _measure(
    plan: BrowserPlan, browsing: Browsing, objectives: Objectives | None, directory: Path, interruption: Interruption
) -> tuple[Bundle, VitalsDocument]:
    """Make the visits, and write a bundle of them, complete whatever ended them."""
    facts = environment.facts()
    bundle = Bundle.create(directory, str(facts["revision"]))
    try:
        began, account = _visit(plan, browsing, bundle, interruption)
    except BaseException:
        bundle.discard()  # no browser started, or no visit could be told of
        raise
    if objectives:
        bundle.write_text(bundle.objectives.name, objectives.text)
    setting = Setting(
        id=bundle.path.name,
        url=_without_query(plan.host),
        began=began,
        started=dt.datetime.fromtimestamp(began, dt.UTC).isoformat(timespec="milliseconds"),
        seed=plan.seed,
        insecure=plan.insecure,
        slo_digest=objectives.digest if objectives else None,
        environment=facts,
    )
    document = judge_visits(read(bundle.path / VISITS), account, objectives, setting)
    write_document(bundle, document)
    bundle.point_latest()
    return bundle, document


def _visit(plan: BrowserPlan, browsing: Browsing, bundle: Bundle, interruption: Interruption) -> tuple[float, Account]:
    lane = plan.lanes[0]
    how_many = "1 visit" if lane.visits == 1 else f"{lane.visits} visits"
    say(f"visiting {_without_query(plan.host)} ({lane.visit_name}, {lane.name}): {how_many}")
    warn_without_sandbox(browsing)
    visiting = Visiting(plan, bundle.path, browsing, on_visit=_Progress(lane.visits or 0), held=True)
    with visiting, interruption.stops(lambda: visiting.cut(interruption.number)):
        began = time.time()
        visiting.begin(began)
        visiting.wait()
    return began, visiting.account()


class _Progress:
    """Tells of each visit to a person, and every ten seconds to a log."""

    def __init__(self, of: int) -> None:
        self._of = of
        self._ended = 0
        self._told = time.monotonic()
        self._interactive = interactive()

    def __call__(self, visit: Visit) -> None:
        self._ended += 1
        now = time.monotonic()
        if self._interactive or now - self._told >= _EVERY:
            self._told = now
            say(f"{self._ended}/{self._of}  {_told(visit)}")


def _told(visit: Visit) -> str:
    if visit.failed is not None:
        return show.one_line(f"failed: {visit.failed}", 200)
    lcp = visit.values.get("lcp")
    painted = show.NOTHING if lcp is None else show.plain(show.latency(lcp))
    return f"{show.one_line(visit.page or '', 80)}  LCP {painted}"


def _without_query(url: str) -> str:
    """The address as a bundle may keep it: values of a query may be anybody's."""
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))
