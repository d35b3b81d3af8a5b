from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tailgate_loadtest.browser.pictures import MOST, MOST_FAILED, Pictures

from tests.loadtest.browser.test_recording import made


def kept(
    directory: Path,
    slowness: list[float],
    *,
    late: Mapping[int, dict[str, float]] = MappingProxyType({}),
    began: Sequence[float] = (),
    judged_from: float = 0.0,
    **more: object,
) -> list[int]:
    """The numbers, from 1 on, of the visits that keep their pictures; ``late`` has the moments that some mark."""
    pictures = Pictures(directory, judged_from)
    (directory / "pictures").mkdir()
    for number, seconds in enumerate(slowness, 1):
        names = {kind: f"pictures/{number:04}-{kind}.jpg" for kind in ("lcp", "end")}
        for name in names.values():
            (directory / name).touch()
        more |= {"timings": late.get(number, {}), "began": began[number - 1] if began else 1.5}
        pictures.add(made(number, values={"lcp": seconds}, pictures=names, **more))
    left = {path.name for path in (directory / "pictures").iterdir()}
    numbers = sorted({int(name[:4]) for name in left})
    assert left == {f"{number:04}-{kind}.jpg" for number in numbers for kind in ("lcp", "end")}
    return numbers


def test_few_visits_keep_all_of_theirs(tmp_path: Path):
    assert kept(tmp_path, [1.0] * MOST) == list(range(1, MOST + 1))


def test_the_first_the_slowest_and_those_near_the_median_stay(tmp_path: Path):
    slowness = [0.5, *(1 + n / 1000 for n in range(50)), 9.0, *(1 + n / 1000 for n in range(50))]
    numbers = kept(tmp_path, slowness)
    assert len(numbers) == MOST
    assert {1, 52} <= set(numbers)
    near = [slowness[number - 1] for number in numbers if number not in (1, 52)]
    assert all(abs(value - 1.025) < 0.02 for value in near)


def test_the_slowest_is_that_whose_page_was_whole_last(tmp_path: Path):
    assert 12 in kept(tmp_path, [0.4] * 20, late={12: {"panels_complete": 4.0}})


def test_visits_before_the_judged_part_keep_none_and_are_none_of_the_slowest(tmp_path: Path):
    assert kept(tmp_path, [9.0, 1.0, 2.0], judged_from=2.0, began=[1.0, 2.0, 3.0]) == [2, 3]


def test_visits_that_failed_keep_theirs_twice(tmp_path: Path):
    assert kept(tmp_path, [1.0] * 5, failed="it broke") == list(range(1, MOST_FAILED + 1))


def test_each_lane_has_its_own(tmp_path: Path):
    pictures = Pictures(tmp_path)
    (tmp_path / "pictures").mkdir()
    for number in range(1, 2 * MOST + 1):
        name = f"pictures/{number}.jpg"
        (tmp_path / name).touch()
        pictures.add(made(number, lane=("desktop", "phone")[number % 2], pictures={"end": name}))
    assert len(list((tmp_path / "pictures").iterdir())) == 2 * MOST
