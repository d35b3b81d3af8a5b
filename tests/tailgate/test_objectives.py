"""Which objectives hold for a state of the project."""

from pathlib import Path

import pytest
import tailgate_slo

from tailgate.objectives import find_in

OWN = tailgate_slo.reference_path()


def test_in_the_reference_apis_own_project_each_state_is_judged_by_its_own_objectives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = OWN.parent.parent
    monkeypatch.chdir(project)
    theirs = tmp_path / OWN.relative_to(project)
    theirs.parent.mkdir()
    theirs.write_text("# as it was\n" + OWN.read_text())
    found = find_in(tmp_path, None, reference=True)
    assert found is not None
    assert (found.file, found.text) == (str(theirs), theirs.read_text())


@pytest.mark.parametrize("here", [OWN.parent.parent, Path("/")])
def test_a_state_without_any_is_judged_by_those_that_are_installed(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    found = find_in(tmp_path, None, reference=True)
    assert found is not None
    assert found.file == str(OWN)
