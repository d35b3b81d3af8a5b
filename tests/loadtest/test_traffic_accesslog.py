"""Access logs, from files to counts."""

import gzip
import io
import random
import sys
from pathlib import Path

import pytest
from tailgate_loadtest.errors import TrafficError
from tailgate_loadtest.shapes.templates import Templates
from tailgate_loadtest.traffic.accesslog import AccessLog
from tailgate_loadtest.traffic.draft import draft
from tailgate_loadtest.traffic.mix import Mix

from tests.loadtest.traffic_logs import START, line, shop

LINES = list(shop([5] * 100))
STEADY = [line(START + i, "GET /a") for i in range(61)]


def log(folder: Path, lines: list[str], name: str = "access.log") -> str:
    path = folder / name
    text = "".join(lines).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return str(path)


def shares(mix: Mix) -> dict[str, float]:
    return {route.name: route.requests for route in mix.routes}


def test_every_request_is_counted_in_its_second_and_on_its_route(tmp_path: Path) -> None:
    source = AccessLog([log(tmp_path, LINES)])
    assert source.series().start == START
    assert source.series().counts.tolist() == [5] * 100
    mix = source.mix(source.series())
    assert mix.requests == 500
    assert set(shares(mix)) == {"GET /orders", "GET /orders/{id}", "GET /search", "POST /orders"}
    assert {route.name: route.needs for route in mix.routes} == {
        "GET /orders": (),
        "GET /orders/{id}": ("data",),
        "GET /search": ("a query",),
        "POST /orders": ("a body",),
    }


def test_neither_order_nor_files_nor_compression_matter(tmp_path: Path) -> None:
    whole = AccessLog([log(tmp_path, LINES)])
    shuffled = random.Random(1).sample(LINES, len(LINES))
    parts = AccessLog([log(tmp_path, shuffled[:200], "1.gz"), log(tmp_path, ["\n", *shuffled[200:]], "2.log")])
    assert parts.series().counts.tolist() == whole.series().counts.tolist()
    assert parts.mix(parts.series()) == whole.mix(whole.series())


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input_is_read_plain_or_compressed(monkeypatch: pytest.MonkeyPatch, pack) -> None:
    piped = io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack("".join(LINES).encode()))))
    monkeypatch.setattr(sys, "stdin", piped)
    assert AccessLog(["-"]).series().requests == 500


def test_the_mix_is_of_the_hours_that_the_stretch_touches(tmp_path: Path) -> None:
    night = [line(START - 7200 + i % 600, "GET /batch") for i in range(5000)]
    source = AccessLog([log(tmp_path, [*night, *LINES])])
    day = AccessLog([log(tmp_path, LINES, "day.log")])
    assert "GET /batch" not in shares(source.mix(day.series()))
    assert shares(source.mix(day.series())) == shares(day.mix(day.series()))
    assert source.mix(source.series()).requests == 5500


def test_what_is_on_no_route_is_told_with_its_reason(tmp_path: Path) -> None:
    scans = [line(START, f"GET /wp-{name}.php", 404) for name in "abc"]
    source = AccessLog([log(tmp_path, [*STEADY, *scans])])
    assert shares(source.mix(source.series())) == {"GET /a": 61}
    assert source.mix(source.series()).left_out == {"answered 404 or 405": 3}
    assert source.series().requests == 64


def test_a_log_of_nothing_but_missing_pages_makes_no_profile(tmp_path: Path) -> None:
    lines = [line(START + i, f"GET /wp-{i}.php", 404) for i in range(70)]
    with pytest.raises(TrafficError, match="no request of the busiest 70 s is on a route: 70 answered 404 or 405"):
        draft(AccessLog([log(tmp_path, lines)]), name="x", window=3600, duration=600)


def test_openapis_templates_are_the_only_routes_when_given(tmp_path: Path) -> None:
    templates = Templates(["GET /orders", "GET /orders/{order_id}", "POST /orders"])
    source = AccessLog([log(tmp_path, LINES)], templates)
    mix = source.mix(source.series())
    assert set(shares(mix)) == {"GET /orders", "GET /orders/{order_id}", "POST /orders"}
    assert mix.requests + mix.left_out["on no route of the OpenAPI file"] == 500


def test_beyond_200_routes_the_rest_is_told_as_one(tmp_path: Path) -> None:
    letters = "abcdefghijklmnopqrstuvwxy"
    names = [f"{a}/{b}" for a in letters for b in letters]
    lines = [line(START + i % 70, f"GET /{name}") for i, name in enumerate([*names, *names[:100]])]
    source = AccessLog([log(tmp_path, lines)])
    mix = source.mix(source.series())
    assert len(mix.routes) == 200
    assert {route.requests for route in mix.routes[:100]} == {2}
    assert mix.left_out == {"on 425 more routes than 200": 425}


def test_a_few_lines_that_cannot_be_read_are_counted_and_said(tmp_path: Path) -> None:
    handshake = line(START, "").replace('" HTTP/1.1"', '"\\x16\\x03\\x01"')
    source = AccessLog([log(tmp_path, [*STEADY, "starting up\n", handshake])])
    assert source.notes()[0] == (
        "Counted from an access log: 63 lines, of which 1 could not be read and 1 hold no request."
    )


def test_many_of_them_are_an_error_that_shows_the_form_of_one_and_nobodys_data(tmp_path: Path) -> None:
    name = log(tmp_path, [*STEADY[:2], "ann.lee asked for /reset/SECRET9\n"])
    with pytest.raises(TrafficError) as caught:
        AccessLog([name])
    assert str(caught.value) == (
        f"{name}: 1 of 3 lines are no access log in Common, Combined or JSON format, first line 3, of the form"
        " 'aaa.aaa aaaaa aaa /aaaaa/AAAAAA9' (letters and digits replaced)"
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "holds no request"),
        (["\n"] * 10, "holds no request"),
        (STEADY[:59], "spans 59 s; a profile needs a minute at least"),
        ([*STEADY, line(START - 93 * 86400, "GET /a")], "the logs run from 2025-07-08 .* is more than 92 days"),
    ],
)
def test_too_little_or_too_much_time_is_said(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(TrafficError, match=message):
        AccessLog([log(tmp_path, lines)])


def test_a_file_that_cannot_be_read_to_its_end_is_named(tmp_path: Path) -> None:
    whole = gzip.compress("".join(LINES).encode())
    for name, content in (("cut.gz", whole[:-20]), ("broken.gz", whole[:50] + b"\0" * 50 + whole[100:])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TrafficError, match=rf"{name}: cannot be read: "):
            AccessLog([str(tmp_path / name)])
    with pytest.raises(TrafficError, match=r"none.log: cannot be read: No such file"):
        AccessLog([str(tmp_path / "none.log")])
    with pytest.raises(TrafficError, match=r"cannot be read: Is a directory"):
        AccessLog([str(tmp_path)])
    with pytest.raises(TrafficError, match="given twice"):
        AccessLog(["a.log", "a.log"])


def test_a_line_without_end_is_cut_and_the_next_one_read(tmp_path: Path) -> None:
    endless = line(START, "GET /a").rstrip("\n") + "x" * 1_000_000 + "\n"
    source = AccessLog([log(tmp_path, [endless, *STEADY])])
    assert source.series().requests == 62
