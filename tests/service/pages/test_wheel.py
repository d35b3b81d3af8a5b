"""The wheel of the service: with the pages, or not at all."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.service.pages.made import ASSETS, PAGES, build

SERVICE = Path(__file__).parents[3] / "service"
BUILT = "tailgate_service/pages/built"


@pytest.fixture
def project(tmp_path) -> Path:
    """The project as it is built, with a package of one module, whose built pages git ignores."""
    for name in ("pyproject.toml", "hatch_build.py"):
        shutil.copy(SERVICE / name, tmp_path)
    (tmp_path / "tailgate_service/pages").mkdir(parents=True)
    (tmp_path / "tailgate_service/__init__.py").write_text('"""Nothing."""\n', encoding="utf-8")
    (tmp_path / ".gitignore").write_text("built/\n", encoding="utf-8")
    return tmp_path


def built(project: Path, target: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(project / "dist")]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)


def held(project: Path) -> set[str]:
    (wheel,) = (project / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name.removeprefix(f"{BUILT}/") for name in archive.namelist() if name.startswith(BUILT)}


def test_it_is_refused_without_the_pages_and_the_cure_is_named(project):
    done = built(project, "wheel")
    assert done.returncode == 1
    assert "without inbox.html, dashboard.html, agent.html" in done.stderr
    assert "`make setup` where npm is found" in done.stderr
    assert not list((project / "dist").glob("*.whl"))


def test_one_page_that_is_missing_is_enough(project):
    (build(project / BUILT) / "agent.html").unlink()
    done = built(project, "wheel")
    assert done.returncode == 1
    assert "without agent.html" in done.stderr


def test_it_holds_what_was_built_though_git_ignores_it(project):
    build(project / BUILT)
    done = built(project, "wheel")
    assert done.returncode == 0, done.stderr
    names = [*PAGES, *(f"assets/{asset}" for asset in ASSETS)]
    assert held(project) == {name + suffix for name in names for suffix in ("", ".br", ".gz")}


def test_an_editable_install_takes_what_is_there(project):
    done = built(project, "wheel:editable")
    assert done.returncode == 0, done.stderr
