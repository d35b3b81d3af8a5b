"""The bundle's directory."""

import json
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.run.bundle import Bundle


def test_a_bundle_is_named_by_time_and_revision_and_ignored_by_git(tmp_path):
    bundle = Bundle.create(tmp_path / "runs", "abc123")
    assert bundle.path.is_dir()
    assert bundle.path.name.endswith("Z-abc123")
    assert (tmp_path / "runs" / ".gitignore").read_text() == "*\n"


def test_runs_that_begin_in_the_same_second_have_a_bundle_each(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Bundle.create(tmp_path, "abc").path, range(40)))
    assert len(set(made)) == 40


def test_latest_leads_to_the_newest(tmp_path):
    for name in ("one", "two"):
        bundle = Bundle(tmp_path / name)
        bundle.path.mkdir()
        bundle.point_latest()
        assert (tmp_path / "latest").readlink().name == name
    (tmp_path / "two").rmdir()
    Bundle(tmp_path / "one").point_latest()  # over a link that leads nowhere
    assert (tmp_path / "latest").resolve() == tmp_path / "one"


@pytest.mark.parametrize("make", ["mkdir", "touch"])
def test_what_is_called_latest_and_is_no_link_stays(tmp_path, make):
    getattr(tmp_path / "latest", make)()
    with pytest.raises(BundleError, match="latest: is no link of ours; move it away"):
        Bundle.create(tmp_path, "abc")
    assert not (tmp_path / "latest").is_symlink()


def test_a_directory_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"is no run bundle \(it has no run.json\)"):
        Bundle.open(tmp_path)


def test_where_nothing_can_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match=r"no bundle can be written there: .*; give another --out"):
        Bundle.create(tmp_path / "file", "abc")


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    bundle = Bundle(tmp_path)
    bundle.write_text("a.txt", "first")
    with pytest.raises(UnicodeEncodeError):
        bundle.write_text("a.txt", "second, \ud800")
    assert (tmp_path / "a.txt").read_text() == "first"
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]


def test_what_is_no_number_is_not_written_as_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        Bundle(tmp_path).write_json("a.json", {"x": float("nan")})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "place",
    ["began", "seconds", "measured_from", "measured_to", "plan.warmup", "plan.stages.0.duration", "generator.late"],
)
def test_a_number_that_is_none_is_named_whoever_reads_the_run(bundle, place, value):
    made = bundle([])
    document = part = json.loads((made.path / "run.json").read_text())
    *into, last = (int(key) if key.isdigit() else key for key in place.split("."))
    for key in into:
        part = part[key]
    part[last] = value
    (made.path / "run.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match=rf"run\.json: {place}: Input should be a finite number; "):
        made.read_run()


def test_a_discarded_bundle_leaves_nothing(tmp_path):
    bundle = Bundle.create(tmp_path, "abc")
    bundle.write_text("slo.yaml", "")
    bundle.discard()
    assert not bundle.path.exists()
