"""Two commands are told apart by what of them can be no secret."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailgate.sides.naming import named


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "serve.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("exec python serve.py --workers 4", "python serve.py --workers 4"),
        ("DELAY=30ms env python serve.py", "DELAY=30ms python serve.py"),
        ("python serve.py --level=2 --mode=fast", "python serve.py --level=2 --mode=…"),
        ("python gone.py", "python …"),
        ("sh -c 'python serve.py'", "sh -c …"),
        ("say 'not closed", "say …"),
        ("", ""),
    ],
)
def test_a_command_is_shown_by_its_files_options_and_numbers(here: Path, command: str, said: str) -> None:
    assert named(command, here) == said


@pytest.mark.parametrize(
    "command",
    [
        "shop --password sesame --token=sesame",
        "PASSWORD=sesame shop",
        "shop -psesame http://me:sesame@shop.example",
        "shop --pin 16372 --db-password=16372",
        "env API_KEY=16372 shop",
        "sh -c 'PASSWORD=sesame shop'",
    ],
)
def test_what_may_be_a_secret_is_not_shown(here: Path, command: str) -> None:
    told = named(command, here)
    assert "sesame" not in told
    assert "16372" not in told


@given(st.text(max_size=300))
def test_any_command_has_a_name_of_one_line(command: str) -> None:
    told = named(command, Path("/nowhere"))
    assert len(told) <= 100
    assert len(told.splitlines()) <= 1
