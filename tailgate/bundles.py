"""What `gate` and `report` take: the bundle of a run, of a comparison, or of visits beside which there was no load."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import tailgate_slo
from tailgate_loadtest.judge.kept import objectives_kept
from tailgate_loadtest.judge.regression.stored import read_document as read_comparison
from tailgate_loadtest.judge.regression.terms.asked import Terms
from tailgate_loadtest.judge.regression.together import judge_pair
from tailgate_loadtest.judge.verdict import judge_bundle, read_verdict
from tailgate_loadtest.judge.vitals.document import FILE as VITALS
from tailgate_loadtest.judge.vitals.stored import judge_again
from tailgate_loadtest.judge.vitals.stored import read_document as read_vitals
from tailgate_loadtest.report.regression.write import write as write_comparison
from tailgate_loadtest.report.terminal import final_table
from tailgate_loadtest.report.vitals_page import write as write_vitals
from tailgate_loadtest.report.write import write as write_run
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison
from tailgate_slo import Objectives

from tailgate.console import out, print_json
from tailgate.errors import CommandError
from tailgate.telling import conclude, conclude_visits


class Kept(Protocol):
    """A bundle on disk, of whichever kind."""

    def gate(self, slo: str | None, *, as_json: bool) -> int:
        """Judge it again by the objectives of a file, None: by its own; write what came of it, and say it.

        Returns the exit code.
        """
        ...

    def report(self) -> Path:
        """Write its reports again; the verdict stays what it was. Returns where report.html is."""
        ...


def kept(path: Path) -> Kept:
    """The bundle in a directory.

    Raises:
        BundleError: there is none.
    """
    if (comparison := Comparison.found(path)) is not None:
        return _OfComparison(path, comparison)
    if (path / VITALS).is_file():
        return _OfVisits(Bundle(path))
    return _OfRun(Bundle.open(path))


@dataclass(frozen=True)
class _OfRun:
    bundle: Bundle

    def gate(self, slo: str | None, *, as_json: bool) -> int:
        document = self.bundle.read_run()
        verdict = judge_bundle(self.bundle, _objectives(self.bundle, slo, document.plan.slo_digest))
        write_run(self.bundle, document, verdict)
        if as_json:
            print_json(verdict.model_dump(mode="json", by_alias=True))
        else:
            out().print(final_table(document, verdict))
        return verdict.exit_code

    def report(self) -> Path:
        return write_run(self.bundle, self.bundle.read_run(), read_verdict(self.bundle))


@dataclass(frozen=True)
class _OfComparison:
    path: Path
    comparison: Comparison

    def gate(self, slo: str | None, *, as_json: bool) -> int:
        if slo:
            raise CommandError("--slo: a comparison is judged by the objectives that both of its sides had")
        found = read_comparison(self.comparison.directory)
        # Of sides that were not loaded together the runs are elsewhere, if anywhere: its verdict is said again.
        again = judge_pair(self.comparison, Terms.of(found)) if found.kind == "ab" else found
        return conclude(self.comparison, again, as_json=as_json)

    def report(self) -> Path:
        return write_comparison(self.path, read_comparison(self.comparison.directory))


@dataclass(frozen=True)
class _OfVisits:
    bundle: Bundle

    def gate(self, slo: str | None, *, as_json: bool) -> int:
        setting = read_vitals(self.bundle).setting
        document = judge_again(self.bundle, _objectives(self.bundle, slo, setting.slo_digest if setting else None))
        return conclude_visits(self.bundle, document, as_json=as_json)

    def report(self) -> Path:
        return write_vitals(self.bundle, read_vitals(self.bundle))


def _objectives(bundle: Bundle, slo: str | None, digest: str | None) -> Objectives | None:
    """Those of a file, or those that the bundle keeps, whose digest is known."""
    return tailgate_slo.load(Path(slo)) if slo else objectives_kept(bundle, digest)
