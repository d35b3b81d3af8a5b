"""junit.xml: each objective a test case, and one for the run itself. A doubt is an error, never a success."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tailgate_loadtest.judge.document import Finding, VerdictDocument
from tailgate_loadtest.report import words
from tailgate_loadtest.report.show import clean
from tailgate_loadtest.run.document import RunDocument


def junit(run: RunDocument, verdict: VerdictDocument) -> str:
    """The XML document; times in seconds. It has a failure or an error exactly when the exit code is not 0."""
    profile = run.plan.profile or "closed"
    suites = Element("testsuites", name="tailgate")
    suite = SubElement(suites, "testsuite", name=clean(f"tailgate {profile}"), time=f"{run.seconds:.3f}")
    suite.set("timestamp", run.started[:19])
    _properties(suite, run, verdict)
    group = clean(f"tailgate.{profile}")
    for finding in verdict.objectives:
        _objective(SubElement(suite, "testcase", classname=f"{group}.objectives", name=clean(finding.name)), finding)
    for name in verdict.skipped:
        case = SubElement(suite, "testcase", classname=f"{group}.objectives", name=clean(name))
        SubElement(case, "skipped", message="nothing in this run could answer this objective")
    case = SubElement(suite, "testcase", classname=group, name="run", time=f"{run.seconds:.3f}")
    _run(case, run, verdict)
    for each in (suites, suite):
        each.set("tests", str(len(suite.findall("testcase"))))
        each.set("failures", str(len(suite.findall("testcase/failure"))))
        each.set("errors", str(len(suite.findall("testcase/error"))))
        each.set("skipped", str(len(suite.findall("testcase/skipped"))))
    indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def _properties(suite: Element, run: RunDocument, verdict: VerdictDocument) -> None:
    properties = SubElement(suite, "properties")
    facts = {
        "run": run.id,
        "host": run.plan.host,
        "revision": run.environment.get("revision"),
        "verdict": verdict.verdict,
        "score": verdict.score,
        "objectives": verdict.slo,
        **{f"tag.{key}": value for key, value in sorted(run.tags.items())},
    }
    for name, value in facts.items():
        if value is not None:
            SubElement(properties, "property", name=clean(name), value=clean(str(value)))


def _objective(case: Element, finding: Finding) -> None:
    measured = " ".join(filter(None, [words.number(finding), words.interval(finding)]))
    message = clean(f"{finding.display_name}: {measured} against {words.target(finding)}")
    if finding.verdict == "fail":
        SubElement(case, "failure", type="missed", message=message).text = clean(finding.why)
    elif finding.verdict == "inconclusive":
        SubElement(case, "error", type="inconclusive", message=message).text = clean(finding.why)
    SubElement(case, "system-out").text = clean(
        "\n".join(
            [
                finding.display_name,
                *_subject(finding),
                f"threshold ({finding.unit}): {_known(finding.threshold)}",
                f"number ({finding.unit}): {'at least ' if finding.at_least else ''}{_known(finding.number)}",
                f"interval ({finding.unit}): {_known(finding.low)} to {_known(finding.high)}",
                f"bad: {finding.bad} of {finding.samples}",
                f"share of bad: {_known(finding.bad_low)} to {_known(finding.bad_high)}",
                *(f"{lane.visit} ({lane.lane}): {lane.verdict}" for lane in finding.lanes),
                f"why: {finding.why}",
            ]
        )
    )


def _subject(finding: Finding) -> list[str]:
    """Of what an objective is, and how much of it must be good."""
    if finding.measure == "vital":
        name = words.vital(finding.vital, finding.timing)
        return [f"page: {finding.route or 'all pages'}", f"measure: {name}", f"target: {finding.target} of visits"]
    return [f"route: {finding.route or 'all routes'}", f"target: {finding.target} of requests"]


def _known(value: float | None) -> str:
    return "not known" if value is None else str(value)


def _run(case: Element, run: RunDocument, verdict: VerdictDocument) -> None:
    outcomes = {finding.verdict for finding in verdict.objectives}
    why = clean("\n".join(verdict.reasons))
    if run.interrupted:
        SubElement(case, "error", type="interrupted", message=f"ended by {run.interrupted}").text = why
    elif run.generator.reasons:
        reasons = clean("; ".join(run.generator.reasons))
        SubElement(case, "error", type="generator", message=reasons).text = why
    elif run.aborted:
        SubElement(case, "failure", type="aborted", message=clean(run.aborted)).text = why
    elif verdict.verdict == "inconclusive" and "inconclusive" not in outcomes:
        SubElement(case, "error", type="inconclusive", message=words.headline(verdict)).text = why
    elif verdict.verdict == "fail" and "fail" not in outcomes:
        SubElement(case, "failure", type="failed requests", message=words.headline(verdict)).text = why
    SubElement(case, "system-out").text = clean("\n".join([words.headline(verdict), *verdict.reasons, *run.warnings]))
