"""What Docker Compose is asked, by a stand-in for docker that notes it: no container is started here."""

import json
import re
import textwrap
from pathlib import Path

import pytest
import yaml
from tailgate_loadtest.shapes.sides import Side
from tailgate_otel import names

from tailgate import settings
from tailgate.errors import CommandError
from tests.tailgate import shop
from tests.tailgate.shop import opened

PAGE = Path(__file__).parents[2] / "docs" / "ab.md"
DOCKER = r"""#!/bin/sh
case "$2" in
  config) cat "$STAND_IN/config.json"; exit ;;
esac
echo "$* project=$COMPOSE_PROJECT_NAME files=$COMPOSE_FILE" >> "$STAND_IN/$TAILGATE_SIDE.asked"
if [ "$2" = up ]; then
  env > "$STAND_IN/$TAILGATE_SIDE.told"
  echo 7 > "$TAILGATE_DIRECTORY/stock"
  exec perl shop.pl "$TAILGATE_PORT" "$TAILGATE_DIRECTORY/stock"
fi
"""
COMPOSE = 'services: {shop: {build: ., image: shop, ports: ["127.0.0.1:${TAILGATE_PORT}:8000"]}}\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop's repository, in which we are."""
    directory = shop.repository(tmp_path / "shop")
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def stand_in(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the stand-in, which is the first docker on the PATH, and runs the shop for `up`."""
    directory = tmp_path / "stand in"
    directory.mkdir()
    (directory / "docker").write_text(DOCKER)
    (directory / "docker").chmod(0o755)
    (directory / "config.json").write_text(
        json.dumps({"services": {"shop": {"build": {"context": "."}, "image": "shop"}}})
    )
    (project / "compose.yaml").write_text(COMPOSE)
    (project / "tailgate.yaml").write_text("service: {compose: compose.yaml}\n")
    shop.git(project, "add", ".")
    shop.git(project, "commit", "-q", "-m", "in containers")
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    monkeypatch.setenv("STAND_IN", str(directory))
    return directory


def asked(stand_in: Path, side: Side) -> list[str]:
    """The verbs that docker compose was given for a side."""
    return [line.split(" project=")[0] for line in (stand_in / f"{side}.asked").read_text().splitlines()]


LIFE = ["compose build", "compose up", "compose down --volumes --remove-orphans"]


@pytest.mark.parametrize("way", ["a file", "revisions"])
def test_each_side_is_built_brought_up_and_taken_down_with_its_data(project: Path, stand_in: Path, way: str) -> None:
    sides_asked = ("compose:compose.yaml",) * 2 if way == "a file" else ("slower", ".")
    with opened(*sides_asked) as sides:
        if way == "a file":
            assert sides[Side.BASE].what == "compose:compose.yaml"
        assert [shop.asked(sides[side].url)["side"] for side in Side] == ["base", "candidate"]
    for side in Side:
        assert asked(stand_in, side) == LIFE
    projects = {
        line.split("project=")[1].split()[0]
        for side in Side
        for line in (stand_in / f"{side}.asked").read_text().splitlines()
    }
    assert len(projects) == 2
    assert all(each.startswith(("tailgate-base-", "tailgate-candidate-")) for each in projects)


def test_images_that_both_would_call_by_one_name_have_names_of_their_own(project: Path, stand_in: Path) -> None:
    with opened("compose:compose.yaml", "compose:compose.yaml"):
        files = (stand_in / "base.asked").read_text().splitlines()[0].partition("files=")[2].split(":")
        override = json.loads(Path(files[1]).read_text())
        assert override["services"]["shop"]["image"].startswith("tailgate-base-")
    assert Path(files[0]) == project / "compose.yaml"


def example(first: str) -> str:
    """Of the page, the last example that begins so."""
    lines = PAGE.read_text(encoding="utf-8").rpartition(f"\n    {first}\n")[2].splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("    "))
    return textwrap.dedent("\n".join([f"    {first}", *lines[:end]]))


def test_what_the_pages_example_hands_on_to_a_container_is_told(project: Path, stand_in: Path) -> None:
    """A variable without a value is handed on, and others may stand in a value."""
    (project / "compose.yaml").write_text(example("services:"))
    with opened("compose:compose.yaml", "compose:compose.yaml"):
        pass
    environment = yaml.safe_load(example("services:"))["services"]["shop"]["environment"]
    asked = {name for name, value in environment.items() if value is None}
    asked |= set(re.findall(r"\$\{(\w+)\}", example("services:")))
    assert asked >= {names.ENV_RUN_SECRET, names.ENV_PORT, names.ENV_SIDE, names.ENV_OTLP_PROTOCOL}
    for side in Side:
        lines = (stand_in / f"{side}.told").read_text().splitlines()
        assert asked <= {name for name, _, value in (line.partition("=") for line in lines) if value}


def test_the_pages_example_sends_traces_to_where_they_are_received(project: Path) -> None:
    (project / "tailgate.yaml").write_text(example("service:"))
    received = settings.load().service.traces
    assert received is not None
    container = yaml.safe_load(example("services:"))["services"]["shop"]
    assert container["environment"][names.ENV_OTLP_ENDPOINT] == (
        f"http://host.docker.internal:{received[1]}/${{{names.ENV_SIDE}}}"
    )


def test_a_side_begun_again_loses_its_containers_data(project: Path, stand_in: Path) -> None:
    with opened("compose:compose.yaml", "compose:compose.yaml") as sides:
        sides.fresh(Side.BASE)
        assert asked(stand_in, Side.BASE) == [*LIFE, "compose up"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (COMPOSE.replace("TAILGATE_PORT", "PORT"), r"does not publish the port of a side: write `ports: "),
        (None, r"compose.yaml cannot be read"),
        ("\xff", r"compose.yaml cannot be read"),
    ],
)
def test_a_file_that_cannot_be_is_refused(project: Path, stand_in: Path, text: str | None, message: str) -> None:
    if text is None:
        (project / "compose.yaml").unlink()
    else:
        (project / "compose.yaml").write_text(text, encoding="latin-1")
    with pytest.raises(CommandError, match=message), opened("compose:compose.yaml", "slower"):
        pass


def test_what_compose_has_against_it_is_passed_on(project: Path, stand_in: Path) -> None:
    (stand_in / "docker").write_text("#!/bin/sh\necho 'services.shop: additional property' >&2; exit 15\n")
    with (
        pytest.raises(CommandError, match=r"is refused by Docker Compose: services.shop"),
        opened("compose:compose.yaml", "."),
    ):
        pass


def test_without_docker_it_is_said(project: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(stand_in))
    (stand_in / "docker").unlink()
    with pytest.raises(CommandError, match="there is no docker on the PATH"), opened("compose:compose.yaml", "."):
        pass
