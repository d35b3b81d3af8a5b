"""junit.xml: a test case for everything that can stop the change, and for objectives, which are only shown.

A doubt is an error, never a success.
"""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.document import Cell, ComparisonDocument, ExactFinding
from tailgate_loadtest.report import words as run_words
from tailgate_loadtest.report.regression import shown, words
from tailgate_loadtest.report.show import clean


def junit(document: ComparisonDocument) -> str:
    """The XML document; times in seconds. It has a failure or an error exactly when the exit code is not 0."""
    suites = Element("testsuites", name="tailgate")
    suite = SubElement(suites, "testsuite", name=f"tailgate {document.kind}", time=f"{document.seconds:.3f}")
    suite.set("timestamp", clean(document.started[:19]))
    _properties(suite, document)
    group = f"tailgate.{document.kind}"
    neutral = document.on_inconclusive == "neutral"
    for cell in shown.worst_first(document.cells):
        if cell.blocking:
            case = _case(suite, f"{group}.statistics", f"{cell.route} {cell.measure}")
            _judged(case, cell.verdict, _told(cell), cell.why, neutral=neutral)
            _out(case, _lines(cell))
    for finding in document.exact:
        if finding.blocking:
            case = _case(suite, f"{group}.exact", f"{finding.route} {finding.measure}, {finding.phase}")
            _judged(case, "fail" if shown.stops(finding) else "pass", words.exact(finding), finding.why)
            _out(case, _exact_lines(finding))
    for loosened in document.loosened:
        case = _case(suite, f"{group}.loosened", loosened.objective)
        _judged(case, "fail" if loosened.accepted is None else "pass", loosened.what, loosened.what)
        _out(case, filter(None, [loosened.what, loosened.accepted]))
    for objective in document.objectives:
        case = _case(suite, f"{group}.objectives", objective.name)
        message = f"{objective.display_name}: {run_words.number(objective)} against {run_words.target(objective)}"
        if objective.verdict != "pass":
            SubElement(case, "skipped", message=clean(f"{run_words.WORDS[objective.verdict]}, shown only: {message}"))
    _whole(suite, group, document)
    for each in (suites, suite):
        each.set("tests", str(len(suite.findall("testcase"))))
        each.set("failures", str(len(suite.findall("testcase/failure"))))
        each.set("errors", str(len(suite.findall("testcase/error"))))
        each.set("skipped", str(len(suite.findall("testcase/skipped"))))
    indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def _properties(suite: Element, document: ComparisonDocument) -> None:
    properties = SubElement(suite, "properties")
    facts = {
        "comparison": document.id,
        "base": document.base.what,
        "base.revision": document.base.revision,
        "candidate": document.candidate.what,
        "candidate.revision": document.candidate.revision,
        "verdict": document.verdict,
        "error_rate": document.error_rate,
    }
    for name, value in facts.items():
        if value is not None:
            SubElement(properties, "property", name=name, value=clean(str(value)))


def _case(suite: Element, group: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=group, name=clean(name))


def _judged(case: Element, outcome: Outcome, message: str, why: str, *, neutral: bool = False) -> None:
    if outcome == "fail":
        SubElement(case, "failure", type="worse", message=clean(message)).text = clean(why)
    elif outcome == "inconclusive" and neutral:
        SubElement(case, "skipped", message=clean(f"inconclusive: {message}"))
    elif outcome == "inconclusive":
        SubElement(case, "error", type="inconclusive", message=clean(message)).text = clean(why)


def _whole(suite: Element, group: str, document: ComparisonDocument) -> None:
    """A case for the comparison itself, which bears what no other case does."""
    case = _case(suite, group, "comparison")
    told = suite.find("testcase/failure") is not None or suite.find("testcase/error") is not None
    why = "\n".join(document.reasons)
    if document.verdict == "interrupted":
        SubElement(case, "error", type="interrupted", message=words.headline(document)).text = clean(why)
    elif document.exit_code and not told:
        _judged(case, "fail" if document.verdict == "fail" else "inconclusive", words.headline(document), why)
    _out(case, [words.headline(document), *document.reasons, *document.differences, *document.warnings])


def _out(case: Element, lines: Iterable[str]) -> None:
    SubElement(case, "system-out").text = clean("\n".join(lines))


def _told(cell: Cell) -> str:
    return f"{words.told(cell)}; tolerated: {words.tolerance(cell)}"


def _lines(cell: Cell) -> list[str]:
    return [
        _told(cell),
        f"would have shown: {words.visible(cell)}",
        f"p, adjusted: {words.probability(cell.p_adjusted)}",
        f"samples: {cell.samples_base} of the base, {cell.samples_candidate} of the candidate",
        f"why: {cell.why}",
        *(f"cause: {cause}" for cause in cell.causes),
        *([f"taken on: {cell.accepted}"] if cell.accepted is not None else []),
    ]


def _exact_lines(finding: ExactFinding) -> list[str]:
    taken_on = [f"taken on: {finding.accepted}"] if finding.accepted is not None else []
    return [words.exact(finding), f"why: {finding.why}", *taken_on]
