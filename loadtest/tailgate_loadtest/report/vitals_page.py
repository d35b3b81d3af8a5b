"""The report.html of visits beside which there was no load; like a run's, it needs nothing else."""

from pathlib import Path

from tailgate_slo import Gate

from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.felt import finding
from tailgate_loadtest.judge.kept import visits_kept
from tailgate_loadtest.judge.vitals.document import FILE, Setting, VitalsDocument
from tailgate_loadtest.report import facts, felt, marks, show, words
from tailgate_loadtest.report.album import Album
from tailgate_loadtest.report.facts import Facts
from tailgate_loadtest.report.series import Span
from tailgate_loadtest.report.templating import environment
from tailgate_loadtest.report.vitals import headline, warnings
from tailgate_loadtest.run.bundle import Bundle

PAGE = "report.html"


def write(bundle: Bundle, document: VitalsDocument) -> Path:
    """Write report.html; the same bundle, the same bytes. Returns where it is.

    Raises:
        BundleError: visits.jsonl is missing, damaged or cut short, or the page cannot be written.
    """
    bundle.write_text(PAGE, page(bundle, document))
    return bundle.path / PAGE


def page(bundle: Bundle, document: VitalsDocument) -> str:
    """The whole page.

    Raises:
        BundleError: visits.jsonl is missing, damaged or cut short, or they were part of a run.
    """
    if document.setting is None:
        raise BundleError(f"{bundle.path / FILE}: setting: is missing; visits beside a load are in the run's report")
    visits = visits_kept(bundle, document.account)
    seconds = max([1.0, *(visit.began + visit.seconds for visit in visits)])
    findings = [finding(found, Gate()) for found in document.objectives]
    return (
        environment()
        .get_template("vitals.html")
        .render(
            verdict=document,
            setting=document.setting,
            headline=headline(document),
            banner=_banner(document, document.setting),
            warnings=warnings(document),
            words=words,
            marks=marks,
            findings=words.worst_first(findings),
            felt=felt.section(
                visits, document.account, findings, None, Span(seconds, 0.0, seconds), (), Album(bundle.path)
            ),
            ratings=felt.RATINGS,
            place=_place(document, document.setting),
        )
    )


def _banner(document: VitalsDocument, setting: Setting) -> Facts:
    """What one asks first."""
    account = document.account
    return [
        ("Page", setting.url),
        ("Visits", show.count(account.ended)),
        ("Duration", show.span(account.load.seconds)),
        ("When", facts.when(setting.started)),
        ("Revision", facts.revision(setting.environment)),
    ]


def _place(document: VitalsDocument, setting: Setting) -> Facts:
    return [
        *((f"browsers at once, {lane.name}", show.count(lane.count)) for lane in document.account.lanes),
        ("their driver", document.account.driver),
        ("seed", str(setting.seed)),
        ("objectives", document.slo or show.NOTHING),
        *facts.place(setting.environment),
        ("tailgate", document.tool),
    ]
