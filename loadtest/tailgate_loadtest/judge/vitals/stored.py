"""vitals.json on disk, beside the visits that it is of."""

from tailgate_slo import Objectives

from tailgate_loadtest.judge.kept import visits_kept
from tailgate_loadtest.judge.vitals.document import FILE, SCHEMA, VitalsDocument
from tailgate_loadtest.judge.vitals.verdict import judge_visits
from tailgate_loadtest.run.bundle import Bundle


def write_document(bundle: Bundle, document: VitalsDocument) -> None:
    """Write vitals.json. Raises BundleError when it cannot be written."""
    bundle.write_model(FILE, document)


def read_document(bundle: Bundle) -> VitalsDocument:
    """What visits came to. Raises BundleError when vitals.json is damaged, or of a newer schema."""
    return bundle.read_model(FILE, "tailgate/vitals/v", SCHEMA, VitalsDocument)


def judge_again(bundle: Bundle, objectives: Objectives | None) -> VitalsDocument:
    """Judge a bundle's visits, and write its vitals.json anew; what it tells of how they were made stays.

    Raises:
        BundleError: vitals.json or visits.jsonl is missing, damaged or cut short.
    """
    known = read_document(bundle)
    judged = judge_visits(visits_kept(bundle, known.account), known.account, objectives, known.setting)
    if judged.slo_digest == known.slo_digest:
        # The bundle's copy goes by the name that the original had.
        judged = judged.model_copy(update={"slo": known.slo})
    write_document(bundle, judged)
    return judged
