"""The wheel of loadtest: with the script that pages are measured with, or not at all."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

LOADTEST = Path(__file__).parents[3] / "loadtest"
BROWSER = "tailgate_loadtest/browser"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project as it is built, with a package of a few files, of which git ignores the built one."""
    for name in ("pyproject.toml", "hatch_build.py", "locustfile.py"):
        shutil.copy(LOADTEST / name, tmp_path)
    for name in ("profiles", "visits"):
        shutil.copytree(LOADTEST / name, tmp_path / name)
    (tmp_path / BROWSER).mkdir(parents=True)
    for path in (LOADTEST / BROWSER).glob("*.mjs"):
        shutil.copy(path, tmp_path / BROWSER)
    (tmp_path / "tailgate_loadtest/__init__.py").write_text('"""Nothing."""\n', encoding="utf-8")
    (tmp_path / ".gitignore").write_text("measure.js\n", encoding="utf-8")
    return tmp_path


def built(project: Path, target: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(project / "dist")]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)


def test_it_is_refused_without_the_script_and_the_cure_is_named(project: Path):
    done = built(project, "wheel")
    assert done.returncode == 1
    assert "measure.js: without it the wheel could measure no page" in done.stderr
    assert "`make setup` where npm is found" in done.stderr
    assert not list((project / "dist").glob("*.whl"))


def test_it_holds_the_script_the_driver_and_the_visits_though_git_ignores_the_first(project: Path):
    (project / BROWSER / "measure.js").write_text("0;\n", encoding="utf-8")
    done = built(project, "wheel")
    assert done.returncode == 0, done.stderr
    (wheel,) = (project / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    driver = {f"{BROWSER}/{path.name}" for path in (LOADTEST / BROWSER).glob("*.mjs")}
    visits = {f"tailgate_loadtest/visits/{path.name}" for path in (LOADTEST / "visits").iterdir()}
    assert held >= {f"{BROWSER}/measure.js", *driver, *visits}


def test_an_editable_install_takes_what_is_there(project: Path):
    done = built(project, "wheel:editable")
    assert done.returncode == 0, done.stderr
