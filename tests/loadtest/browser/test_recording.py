import json
import math
from pathlib import Path

import pytest
from tailgate_loadtest.browser.recording import FILE, SCHEMA, Recording, Visit, read
from tailgate_loadtest.errors import BundleError


def made(number: int = 1, **more: object) -> Visit:
    given = {"lane": "desktop", "visit": "dashboard", "page": "/dashboard", "began": 1.5, "seconds": 2.0}
    return Visit.model_validate({"number": number, "values": {"lcp": 0.4}, "trace_id": "0" * 32, **given, **more})


def test_what_was_written_is_read_again(tmp_path: Path):
    visits = [made(1, missing={"inp": "no interaction"}), made(2, failed="it broke", page=None, values={})]
    with Recording(tmp_path) as recording:
        for visit in visits:
            recording.write(visit)
    assert list(read(tmp_path / FILE)) == visits
    assert json.loads((tmp_path / FILE).read_text().splitlines()[0])["schema"] == SCHEMA


def test_a_page_is_whole_with_its_largest_paint_or_the_last_moment_that_it_marks():
    assert made(values={"lcp": 1.5}).felt == 1.5
    assert made(values={"lcp": 1.5}, timings={"panels_complete": 2.5, "drawn": 0.1}).felt == 2.5
    assert made(values={}, seconds=4.0).felt == 4.0


def test_a_visit_is_on_disk_before_the_recording_is_closed(tmp_path: Path):
    with Recording(tmp_path) as recording:
        recording.write(made())
        assert list(read(tmp_path / FILE)) == [made()]


def test_once_closed_no_visit_names_a_picture_that_was_not_kept(tmp_path: Path):
    with Recording(tmp_path) as recording:
        (tmp_path / "pictures" / "0001-end.jpg").touch()
        recording.write(made(pictures={"lcp": "pictures/0001-lcp.jpg", "end": "pictures/0001-end.jpg"}))
    [visit] = read(tmp_path / FILE)
    assert visit.pictures == {"end": "pictures/0001-end.jpg"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures", FILE]


def test_once_closed_there_is_no_picture_that_no_visit_names(tmp_path: Path):
    with Recording(tmp_path) as recording:
        for name in ("0001-end.jpg", "0001-lcp.jpg", "0002-lcp.jpg"):
            (tmp_path / "pictures" / name).touch()
        recording.write(made(pictures={"end": "pictures/0001-end.jpg"}))
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["0001-end.jpg"]


def test_what_is_written_can_be_read_however_much_a_page_has_to_tell(tmp_path: Path):
    much = made(console=["ü" * 20_000], failed="it broke", timings={"shown": 0.5})
    with Recording(tmp_path) as recording:
        recording.write(much)
        recording.write(made(2))
    first, second = read(tmp_path / FILE)
    assert (first.number, first.values, first.failed) == (much.number, much.values, much.failed)
    assert first.warnings == ("it told more than a line can hold",)
    assert second == made(2)


def test_a_line_that_breaks_off_is_left_out(tmp_path: Path):
    with Recording(tmp_path) as recording:
        recording.write(made())
    with (tmp_path / FILE).open("a") as file:
        file.write('{"schema": "tailgate/visit/v1", "numb')
    assert list(read(tmp_path / FILE)) == [made()]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", "line 1: is no visit"),
        ("not JSON", "line 1: is no visit"),
        ('{"schema": "tailgate/visit/v2"}', "'tailgate/visit/v2': written by a newer tailgate"),
        (json.dumps({"schema": SCHEMA, "number": 0}), "number"),
        (json.dumps({**made().model_dump(mode="json", by_alias=True), "began": math.nan}), "began: "),
        ("x" * 70_000, "line 1 is longer than 65536 bytes"),
    ],
)
def test_a_line_that_is_no_visit_is_refused_by_its_number(tmp_path: Path, line: str, said: str):
    (tmp_path / FILE).write_text(line + "\n")
    with pytest.raises(BundleError) as refused:
        list(read(tmp_path / FILE))
    assert said in str(refused.value)
    assert str(tmp_path / FILE) in str(refused.value)


def test_a_newer_visit_with_more_in_it_is_refused_as_newer(tmp_path: Path):
    newer = {**made().model_dump(mode="json", by_alias=True), "schema": "tailgate/visit/v2", "more": 1}
    (tmp_path / FILE).write_text(json.dumps(newer) + "\n")
    with pytest.raises(BundleError, match="newer"):
        list(read(tmp_path / FILE))


def test_a_directory_that_cannot_be_written_to_is_named(tmp_path: Path):
    with pytest.raises(BundleError, match="nowhere"):
        Recording(tmp_path / "nowhere")


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(BundleError, match=r"visits\.jsonl: cannot be read"):
        list(read(tmp_path / FILE))
