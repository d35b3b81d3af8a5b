"""``tailgate db benchmark`` and ``baseline``, on a small seed and in few calls: no time is judged here."""

import json

import pytest
from tailgate_service.measure.document import SCHEMA
from tailgate_service.measure.queries import QUERIES

from tests.tailgate.conftest import Command

FEW = ("--workspaces", "2", "--conversations", "20")


@pytest.mark.row("A15")
@pytest.mark.row("B9")
def test_layers_and_queries_are_measured_shown_and_written(tailgate: Command) -> None:
    quick = ("db", "benchmark", *FEW, "--calls", "2", "--db-rtt", "1ms", "--layers", "parallel, sequential")
    done = tailgate.here(*quick, "--rounds", "1")
    # So few rows are not found as much quicker as 2,132.
    assert done.returncode in (0, 3), done.stderr
    written = json.loads((tailgate.cwd / ".tailgate" / "benchmark.json").read_text())
    assert written["schema"] == SCHEMA
    assert [layer["variant"] for layer in written["layers"]] == ["parallel"] * 6 + ["sequential"] * 6
    assert len(written["queries"]) == 2 * len(QUERIES)
    judged = [query["met"] for query in written["queries"] if not query["workspace_named"]]
    assert False not in judged
    assert done.returncode == (0 if all(judged) else 3)
    assert ("undecided: the goals are of a seed of 20 workspaces" in done.stdout) == (None in judged)
    assert "…" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    for text in ("by-phone", "conversations", "send", "direct", "api", *(query.name for query in QUERIES)):
        assert text in done.stdout


@pytest.mark.row("A15")
def test_what_is_measured_comes_as_json_too(tailgate: Command) -> None:
    few = (*FEW, "--calls", "2", "--db-rtt", "0ms", "--layers", "parallel", "--rounds", "0")
    done = tailgate.here("db", "benchmark", *few, "--json", "-o", "found.json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tailgate.cwd / "found.json").read_text())
    assert json.loads(done.stdout)["queries"] == []


@pytest.mark.row("A4")
def test_the_baseline_is_written_by_one_command(tailgate: Command) -> None:
    done = tailgate.here("db", "baseline", *FEW, "--calls", "3", "--db-rtt", "0ms,2ms")
    assert done.returncode == 0, done.stderr
    page = (tailgate.cwd / "docs" / "baseline.md").read_text()
    rows = [line for line in page.splitlines() if "/api/" in line]
    routes = ["GET /api/contacts/by-phone", "GET /api/conversations", "POST /api/messages/send"]
    assert [row.split("`")[1] for row in rows] == routes * 2
    assert [row.split()[1] for row in rows] == ["0"] * 3 + ["2"] * 3
    for fact in ("- date: 20", "- commit: ", "- machine: ", "- seed: 2 workspaces of 20 conversations"):
        assert fact in page


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("benchmark", "--layers", "fastest"), "fastest"),
        (("benchmark", "--db-rtt", "far"), "--db-rtt"),
        (("benchmark", "--db-rtt", "11s", *FEW), "10 s"),
        (("baseline", "--db-rtt", "0ms,"), "--db-rtt"),
        (("baseline", "--conversations", "2000000"), "conversations = 2000000"),
    ],
)
def test_what_cannot_be_measured_is_named(tailgate: Command, arguments: tuple[str, ...], named: str) -> None:
    done = tailgate.here("db", *arguments)
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_a_place_that_cannot_be_written_is_named_before_anything_is_measured(tailgate: Command) -> None:
    (tailgate.cwd / "docs").write_text("a file")
    done = tailgate.here("db", "baseline", *FEW, "--calls", "1", "--db-rtt", "0ms")
    assert done.returncode == 2
    assert "docs" in done.stderr
    assert "calls of each kind" not in done.stderr
