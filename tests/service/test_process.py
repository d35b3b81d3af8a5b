"""Child processes: what is said of one that does not become ready."""

import os

import pytest
from tailgate_service import process
from tailgate_service.errors import StackError
from tailgate_service.process import Child


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import sys; sys.stderr.write('a reason'); sys.exit(7)", "ended with 7; .* ends:\na reason"),
        ("import os, time; os.close(1); time.sleep(600)", "said nothing more, and goes on"),
        ("import time; time.sleep(600)", "was not ready within"),
        ("print('hello', flush=True)", "said b'hello\\\\n' where its ready line was due"),
    ],
)
def test_a_child_that_does_not_become_ready_is_ended_and_said_to_be_so(tmp_path, monkeypatch, source, said):
    monkeypatch.setattr(process, "_ENDS_WITHIN", 0.1)
    (tmp_path / "unready.py").write_text(source)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    within = 1.0 if "not ready" in said else 30.0
    with pytest.raises(StackError, match=f"(?s)unready {said}"):
        Child("unready", [], environ=environ, log=tmp_path / "log", within=within)
