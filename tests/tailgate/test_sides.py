"""Two sides become two live services, however each was asked for, and nothing is left of them."""

import time
from pathlib import Path

import psutil
import pytest
from tailgate_loadtest.errors import TargetUnreachableError
from tailgate_loadtest.shapes.sides import Side
from tailgate_loadtest.targets import load as targets_of
from tailgate_otel import names

from tailgate.errors import CommandError
from tailgate.sides import checkout
from tailgate.sides.opening import CACHE
from tests.tailgate import shop
from tests.tailgate.conftest import below, free_port
from tests.tailgate.shop import opened

BASE, CANDIDATE = Side.BASE, Side.CANDIDATE


@pytest.fixture(autouse=True)
def _nobodys_pull_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests may be run for one."""
    monkeypatch.delenv(names.ENV_GITHUB_BASE_REF, raising=False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop's repository, in which we are."""
    directory = shop.repository(tmp_path / "shop")
    monkeypatch.chdir(directory)
    return directory


def test_by_default_the_working_tree_is_compared_with_where_it_left_the_default_branch(project: Path) -> None:
    shop.write(project, 3)
    (project / "new.txt").write_text("nobody has committed this")
    (project / "some.log").write_text("git ignores this")
    status, index = shop.git(project, "status", "--porcelain"), (project / ".git/index").read_bytes()
    with opened() as sides:
        assert shop.asked(sides[BASE].url)["version"] == 1
        assert shop.asked(sides[CANDIDATE].url)["version"] == 3
        assert sides[BASE].what == "merge base with main"
        assert sides[BASE].revision == shop.git(project, "rev-parse", "main")
        assert sides[CANDIDATE].what == "working tree"
        assert sides[CANDIDATE].revision == shop.git(project, "rev-parse", "HEAD") + "-dirty"
        assert sides[CANDIDATE].directory is not None
        files = {path.name for path in sides[CANDIDATE].directory.iterdir()}
        assert "new.txt" in files
        assert "some.log" not in files
    assert (shop.git(project, "status", "--porcelain"), (project / ".git/index").read_bytes()) == (status, index)
    assert not (project / "built.pl").exists()


def test_a_pull_request_on_github_is_compared_with_where_it_left_the_branch_that_it_goes_to(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which need not be the default branch."""
    shop.git(project, "branch", "release", "slower")
    shop.git(project, "checkout", "-q", "main")
    shop.git(tmp_path, "clone", "-q", f"file://{project}", "clone")
    monkeypatch.chdir(tmp_path / "clone")
    shop.git(tmp_path / "clone", "checkout", "-q", "-b", "mended", "origin/release")
    shop.write(tmp_path / "clone", 3)
    monkeypatch.setenv(names.ENV_GITHUB_BASE_REF, "release")
    with opened() as sides:
        assert [shop.asked(sides[side].url)["version"] for side in Side] == [2, 3]
        assert sides[BASE].what == "merge base with origin/release"
    shop.git(tmp_path / "clone", "checkout", "-q", "-f", "origin/release")
    with pytest.raises(CommandError, match=r"nothing has changed; --base HEAD~1"), opened():
        pass


def test_a_working_tree_without_changes_is_its_commit(project: Path) -> None:
    with opened() as sides:
        assert sides[CANDIDATE].revision == shop.git(project, "rev-parse", "HEAD")


def test_a_change_that_is_none_is_not_compared_by_default(project: Path) -> None:
    shop.git(project, "checkout", "-q", "main")
    with pytest.raises(CommandError, match=r"nothing has changed; --base HEAD~1"), opened():
        pass


def test_a_revision_is_built_once_and_answers_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is handed on, so that a build can count itself there."""
    monkeypatch.setenv("BUILDS", str(tmp_path / "builds"))
    counting = shop.SETTINGS.replace("build: cp", 'build: echo built >> "$BUILDS"; cp')
    monkeypatch.chdir(shop.repository(tmp_path / "shop", counting))
    for build in ("made", "cached"):
        with opened("main", "slower") as sides:
            assert [shop.asked(sides[side].url, "/catalogue")["version"] for side in Side] == [1, 2]
            assert [sides[side].facts["build"] for side in Side] == [build, build]
    assert (tmp_path / "builds").read_text() == "built\n" * 2


def test_a_build_that_failed_is_tried_again(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBRARY", str(tmp_path / "library"))
    (project / "tailgate.yaml").write_text(shop.SETTINGS.replace("build: cp", 'build: cat "$LIBRARY" && cp'))
    with pytest.raises(CommandError, match="its build ended with exit code 1"), opened("main"):
        pass
    (tmp_path / "library").touch()
    with opened("main") as sides:
        assert sides[CANDIDATE].facts["build"] == "made"


def test_a_side_is_told_its_own_and_says_where_it_is(project: Path) -> None:
    with opened("HEAD", "HEAD") as sides:
        for side in Side:
            live = sides[side]
            assert shop.asked(live.url)["side"] == side
            assert shop.asked(live.url)["greeting"] == f"hello from the {side}"
            assert live.metrics_url is not None
            assert live.metrics_url.startswith("http://127.0.0.1:")
            assert live.metrics_url.endswith("/metrics")
            assert live.targets is not None
            assert live.targets.parent.is_dir()
            assert live.run_secret
            assert live.ended() is None
        told = [each.environ() for each in psutil.Process().children(recursive=True) if each.name() == "perl"]
        assert len({each[names.ENV_OTLP_ENDPOINT] for each in told}) == 2
        assert {each[names.ENV_OTLP_PROTOCOL] for each in told} == {"http/protobuf"}
        scratch = [sides[side].targets.parent for side in Side]  # type: ignore[union-attr]
        assert sides[BASE].run_secret != sides[CANDIDATE].run_secret
        assert len({sides[side].url for side in Side}) == len({sides[side].metrics_url for side in Side}) == 2
    assert not any(directory.exists() for directory in scratch)


def test_a_side_begun_again_has_the_data_that_it_began_with(project: Path) -> None:
    with opened("main", "slower") as sides:
        assert sides.renewable
        assert shop.asked(sides[BASE].url, "/buy")["left"] == 6
        assert shop.asked(sides[BASE].url)["left"] == 6
        before = sides[BASE]
        assert shop.asked(sides.fresh(BASE).url)["left"] == 7
        assert shop.asked(sides[BASE].url)["side"] == "base"
        assert not before.targets.parent.exists()  # type: ignore[union-attr]
        assert before.ended() == "ended from outside"
        assert shop.asked(sides[CANDIDATE].url)["left"] == 7


def test_what_the_environment_holds_is_handed_on_and_not_written(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "open sesame")
    monkeypatch.setenv("GIT_DIR", str(project / ".git"))
    start = 'cmd:test "$SHOP_PASSWORD" = "open sesame" -a -z "$GIT_DIR" && exec perl shop.pl "$TAILGATE_PORT" "$DATA"'
    text = shop.SETTINGS.replace("env: {", "env: {DATA: $TAILGATE_DIRECTORY/stock, ")
    (project / "tailgate.yaml").write_text(text)
    with opened(start, start) as sides:
        lines = [" ".join(each.cmdline()) for each in psutil.Process().children(recursive=True)]
        assert sides[BASE].what == "cmd:test … -a -z … shop.pl …"
    assert not any("open sesame" in line for line in lines if "test" not in line)
    written = [path for path in (project / CACHE).rglob("*") if path.is_file()]
    assert written
    assert not any(b"open sesame" in path.read_bytes() for path in written)


def test_commands_run_where_we_are(project: Path) -> None:
    (project / "tailgate.yaml").write_text("service: {seed: 'echo 3 > \"$TAILGATE_DIRECTORY/stock\"'}")
    shop.write(project, 5)
    (project / "other.pl").write_text((project / "shop.pl").read_text().replace('"version": 5', '"version": 6'))
    commands = [
        f'cmd:exec perl {file} "$TAILGATE_PORT" "$TAILGATE_DIRECTORY/stock"' for file in ("shop.pl", "other.pl")
    ]
    with opened(*commands) as sides:
        assert [shop.asked(sides[side].url)["version"] for side in Side] == [5, 6]
        assert [sides[side].revision for side in Side] == [None, None]


def test_a_revision_is_brought_up_by_its_own_settings_or_by_ours_where_it_has_none(project: Path) -> None:
    shop.git(project, "rm", "-q", "tailgate.yaml")
    shop.git(project, "commit", "-q", "-m", "no settings")
    shop.git(project, "branch", "bare")
    (project / "tailgate.yaml").write_text(shop.SETTINGS.replace("echo 7", "echo 100"))
    with opened("bare", "main") as sides:
        assert [shop.asked(sides[side].url)["left"] for side in Side] == [100, 7]
    (project / "tailgate.yaml").unlink()
    with pytest.raises(CommandError, match=r"--base bare: tailgate.yaml does not say how .* add `service:`"):
        opened("bare", "main").__enter__()


def test_a_part_of_a_repository_is_a_project_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "all our things"
    (top / "shop").mkdir(parents=True)
    shop.git(top, "init", "-q", "-b", "main")
    (top / "shop" / "tailgate.yaml").write_text(shop.SETTINGS)
    shop.write(top / "shop", 1)
    shop.git(top, "add", ".")
    shop.git(top, "commit", "-q", "-m", "a shop")
    shop.write(top / "shop", 2)
    (top / "beside.txt").write_text("changed as well")
    monkeypatch.chdir(top / "shop")
    with opened() as sides:
        assert [shop.asked(sides[side].url)["version"] for side in Side] == [1, 2]
        assert len(list((top / "shop" / CACHE).glob("*/beside.txt"))) == 1


def test_only_the_checkouts_of_late_are_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "KEPT", 1)
    with opened("main", "slower"):
        # What is in use stays in any case.
        assert _versions(project) == [1, 2]
    shop.write(project, 3)
    with opened("slower", "."):
        assert _versions(project) == [2, 3]
    assert shop.git(project, "worktree", "list").count("detached") == 2


def _versions(project: Path) -> list[int]:
    programs = (path.read_text() for path in (project / CACHE).glob("*/shop.pl"))
    return sorted(int(text.partition('"version": ')[2][0]) for text in programs)


FAILING = {
    "a build that fails": (
        "build: cp shop.pl built.pl",
        "build: echo no compiler >&2; exit 3",
        "its build ended with exit code 3",
    ),
    "a seed that fails": ("seed: echo 7", "seed: echo no data >&2; exit 4; echo 7", "its seed ended with exit code 4"),
    "a program that is not there": ("exec perl", "exec prel", "its start ended with exit code 127"),
    "a program that ends well": (
        "exec perl",
        "echo closed; true",
        "its start ended with exit code 0; let it stay in the foreground",
    ),
    "a program at another port": (
        '"$TAILGATE_PORT"',
        "0",
        "is not ready after 1 s: .* the port that TAILGATE_PORT names",
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_does_not_come_up_is_said_with_the_end_of_its_log(project: Path, name: str) -> None:
    there, broken, message = FAILING[name]
    text = shop.SETTINGS.replace(there, broken).replace("timeout: 20s", "timeout: 1s")
    assert text != shop.SETTINGS
    (project / "tailgate.yaml").write_text(text)
    before = below()
    with pytest.raises(
        CommandError, match=rf"(?s)--candidate working tree: .*{message}.*; its log \(.*candidate.log\)"
    ):
        opened("main").__enter__()
    assert below() <= before


def test_it_is_waited_until_what_is_asked_answers_with_2xx(project: Path) -> None:
    program = (project / "shop.pl").read_text()
    (project / "shop.pl").write_text(program.replace("200 OK", '" . ($n++ < 3 ? "503 Later" : "200 OK") . "'))
    with opened("main") as sides:
        assert shop.asked(sides[CANDIDATE].url)["version"] == 2


def test_a_side_that_dies_says_how(project: Path) -> None:
    with opened("main", "slower") as sides:
        (perl,) = (
            each
            for each in psutil.Process().children(recursive=True)
            if each.name() == "perl" and each.environ()[names.ENV_SIDE] == "base"
        )
        perl.kill()
        perl.wait(10)
        while (how := sides[BASE].ended()) is None:
            time.sleep(0.01)
        assert how == "SIGKILL"
        assert sides[BASE].log == project / CACHE / "base.log"
        assert sides[CANDIDATE].ended() is None


DETACHED = """start: |
    perl built.pl "$TAILGATE_PORT" "$TAILGATE_DIRECTORY/stock" &
    echo $! > "$TAILGATE_DIRECTORY/pid"
  stop: kill -USR1 "$(cat "$TAILGATE_DIRECTORY/pid")" && echo "the $TAILGATE_SIDE" >> "$DIARY"
"""


def test_a_start_may_return_where_it_is_said_how_to_stop_what_it_began(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it began goes on when it is told to end."""
    monkeypatch.setenv("DIARY", str(tmp_path / "diary"))
    (project / "shop.pl").write_text('$SIG{TERM} = "IGNORE";' + (project / "shop.pl").read_text())
    start = 'start: exec perl built.pl "$TAILGATE_PORT" "$TAILGATE_DIRECTORY/stock"\n'
    assert start in shop.SETTINGS
    (project / "tailgate.yaml").write_text(shop.SETTINGS.replace(start, DETACHED))
    with opened(".", ".") as sides:
        for side in Side:
            assert shop.asked(sides[side].url)["side"] == side
            assert sides[side].ended() is None
        assert not (tmp_path / "diary").exists()
    assert sorted((tmp_path / "diary").read_text().splitlines()) == ["the base", "the candidate"]


def test_both_are_built_before_either_starts(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIARY", str(tmp_path / "diary"))
    text = shop.SETTINGS.replace("build: ", 'build: echo build >> "$DIARY"; ').replace(
        "start: ", 'start: echo start >> "$DIARY"; '
    )
    (project / "tailgate.yaml").write_text(text)
    shop.git(project, "commit", "-q", "-a", "-m", "keeps a diary")
    shop.write(project, 3)
    with opened("HEAD", "."):
        pass
    assert (tmp_path / "diary").read_text().split() == ["build", "build", "start", "start"]


def test_an_address_is_a_side_that_runs_already(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(names.ENV_RUN_SECRET, "told by somebody")
    with opened("main", "main") as running:
        (project / "tailgate.yaml").write_text("service: {metrics: /metrics, targets: of-$TAILGATE_SIDE.json}")
        with opened(running[BASE].url, running[CANDIDATE].url) as sides:
            for side in Side:
                live = sides[side]
                assert live.what == live.url == running[side].url
                assert live.metrics_url == live.url + "/metrics"
                assert live.targets == Path(f"of-{side}.json")
                assert live.run_secret == "told by somebody"
                assert live.ended() is None
            assert not sides.renewable
            with pytest.raises(CommandError, match="runs already: it cannot be begun again with equal data"):
                sides.fresh(BASE)
        assert shop.asked(running[BASE].url)["version"] == 1


@pytest.mark.parametrize("side", Side)
def test_an_address_at_which_nothing_answers_is_named_before_anything_is_built(project: Path, side: Side) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    (project / "tailgate.yaml").write_text("service: {build: touch built, start: exec perl shop.pl}")
    refused = pytest.raises(TargetUnreachableError, match=rf"{url} .*; start the service, or correct --{side}")
    with refused, opened(*(url if each is side else "cmd:exec perl shop.pl" for each in Side)):
        pass
    assert not (project / "built").exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://me:secret@shop.example",
        "https://shop.example/?key=secret",
        "http://shop.example:0",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(project: Path, url: str) -> None:
    with pytest.raises(CommandError, match="is an address, and one like") as refused, opened(url, url):
        pass
    assert "secret" not in str(refused.value)


def test_an_emulated_round_trip_is_for_variants(project: Path) -> None:
    with pytest.raises(CommandError, match=r"--db-rtt .* give variants of it on both sides"), opened(db_rtt=0.01):
        pass


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("ready: $TAILGATE_HOME/x", r"service: ready: \$TAILGATE_HOME is not known here; \$TAILGATE_SIDE, .* are"),
        ("metrics: 'http://127.0.0.1:$/'", r"service: metrics: a \$ must be followed by a name"),
        ("ready: 'http://127.0.0.1:port/'", "service: ready: 'http://127.0.0.1:port/' is no address"),
        ("metrics: metrics", "service: metrics: 'metrics' is no address"),
        ("env: {TAILGATE_PORT: '80'}", "service: env: TAILGATE_PORT: each side is told its own"),
        ("env: {PASSWORD: 'a$b'}", r"service: env: PASSWORD: \$b is not known here"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_what_they_build(project: Path, service: str, message: str) -> None:
    (project / "tailgate.yaml").write_text("service: {build: exit 9, start: exit 9, " + service + "}")
    with pytest.raises(CommandError, match=message), opened("main", "."):
        pass


@pytest.mark.xdist_group("two sides")
def test_two_variants_of_the_reference_api_have_the_same_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with opened("sequential", "parallel", db_rtt=0.002) as sides:
        people = []
        for side in Side:
            live = sides[side]
            assert shop.asked(live.url, "/health")
            assert live.facts["variant"] == live.what
            assert live.facts["db_rtt.emulated"] == 0.002
            people.append([(each.id, each.contacts) for each in targets_of(live.targets).workspaces])
        assert people[0] == people[1]
        before = sides[CANDIDATE]
        assert shop.asked(sides.fresh(CANDIDATE).url, "/health")
        assert before.ended() == "tailgate_service, exit code 0"
