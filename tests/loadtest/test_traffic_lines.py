"""Lines of access logs, as the usual servers write them."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tailgate_loadtest.traffic.lines import METHODS, Hit, hit

AT = int(datetime(2025, 10, 10, 13, 55, 36, tzinfo=UTC).timestamp())
ORDERS = Hit(AT, "GET", "/orders/17", False, 200)


@pytest.mark.parametrize(
    "line",
    [
        '127.0.0.1 - frank [10/Oct/2025:13:55:36 +0000] "GET /orders/17 HTTP/1.1" 200 2326',
        '::1 - - [10/Oct/2025:15:55:36 +0200] "GET /orders/17 HTTP/2.0" 200 2326 "http://a/?b" "curl/8 [x] \\"q\\""',
        'shop.example:443 1.2.3.4 - ann lee [10/Oct/2025:08:25:36 -0530] "GET /orders/17 HTTP/1.0" 200 - 0.012',
        '1.2.3.4 - - [10/Oct/2025:13:55:36 +0000] "GET https://shop.example/orders/17 HTTP/1.1" 200 5',
        '1.2.3.4 - - [10/Oct/2025:13:55:36 +0000] "GET /orders/17" 200 5',
        '1.2.3.4 - - [10/Oct/2025:13:55:36.789 +0000] "GET /orders/17 HTTP/1.1" 200 5',
        # nginx
        '{"time_iso8601":"2025-10-10T15:55:36+02:00","request_method":"GET","request_uri":"/orders/17","status":"200"}',
        '{"time_local":"10/Oct/2025:13:55:36 +0000","request":"GET /orders/17 HTTP/1.1","status":200}',
        f'{{"msec":"{AT}.123","method":"GET","uri":"/orders/17","args":"","status":200}}',
        # Caddy
        f'{{"level":"info","ts":{AT}.75,"request":{{"method":"GET","uri":"/orders/17","host":"a"}},"status":200}}',
        # Envoy
        '{"start_time":"2025-10-10T13:55:36.104Z","method":"GET","path":"/orders/17","response_code":200}',
        # Traefik
        (
            '{"RequestMethod":"GET","RequestPath":"/orders/17","StartUTC":"2025-10-10T13:55:36.123456789Z",'
            '"DownstreamStatus":200}'
        ),
        # Google's load balancer, and Elastic's common schema
        (
            '{"timestamp":"2025-10-10T13:55:36.5Z","httpRequest":{"requestMethod":"GET",'
            '"requestUrl":"https://shop.example/orders/17","status":200}}'
        ),
        (
            '{"@timestamp":"2025-10-10T13:55:36Z","http":{"request":{"method":"GET"},"response":{"status_code":200}},'
            '"url":{"path":"/orders/17"}}'
        ),
        (
            '{"@timestamp":"2025-10-10T13:55:36Z","http.request.method":"GET","url.path":"/orders/17",'
            '"http.response.status_code":200}'
        ),
        f'  {{"time":{AT}123,"method":"GET","path":"/orders/17","status":200}}',
    ],
)
def test_the_same_request_is_read_from_every_servers_line(line: str) -> None:
    assert hit(line.encode()) == ORDERS


@pytest.mark.parametrize(
    ("target", "path", "queried"),
    [
        ("/search?q=secret", "/search", True),
        ("/search?", "/search", False),
        ("/a b", "/a b", False),
        ("/caf\xe9", "/caf\ufffd", False),
        ('/x\\"y', '/x\\"y', False),
        ("https://shop.example", "/", False),
    ],
)
def test_of_a_target_only_the_path_is_kept_and_whether_there_was_a_query(target: str, path: str, queried: bool) -> None:
    line = f'1.2.3.4 - - [10/Oct/2025:13:55:36 +0000] "GET {target} HTTP/1.1" 200 5'.encode("latin-1")
    assert hit(line) == Hit(AT, "GET", path, queried, 200)


def test_a_query_of_its_own_is_seen() -> None:
    line = {"ts": AT, "method": "GET", "uri": "/search", "args": "q=secret", "status": 200}
    assert hit(json.dumps(line).encode()) == Hit(AT, "GET", "/search", True, 200)


@pytest.mark.parametrize(
    "request_line", ["-", "", "\\x16\\x03\\x01", "PROPFIND / HTTP/1.1", "CONNECT a:443 HTTP/1.1", "OPTIONS * HTTP/1.1"]
)
def test_what_is_no_request_a_load_could_send_has_no_method(request_line: str) -> None:
    found = hit(f'1.2.3.4 - - [10/Oct/2025:13:55:36 +0000] "{request_line}" 400 0'.encode())
    assert found is not None
    assert (found.second, found.method, found.path) == (AT, "", "")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "starting up",
        '1.2.3.4 - - [10/Oct/2025:13:55:36 +0000] "GET /orders HTTP/1.1',
        '1.2.3.4 - - [32/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 5',
        '1.2.3.4 - - [10/Okt/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 5',
        '1.2.3.4 - - [10/Oct/2025:25:55:36 +0000] "GET / HTTP/1.1" 200 5',
        '1.2.3.4 - - [10/Oct/1925:13:55:36 +0000] "GET / HTTP/1.1" 200 5',
        "{",
        "{}",
        "[" * 60_000,
        '{"a":' * 60_000,
        '{"ts":1e999,"method":"GET","path":"/"}',
        '{"ts":NaN,"method":"GET","path":"/"}',
        '{"ts":true,"method":"GET","path":"/"}',
        '{"ts":"yesterday","method":"GET","path":"/"}',
        '{"ts":"' + "9" * 5000 + '","method":"GET","path":"/"}',
        '{"ts":1760000000,"method":"GET"}',
        '{"ts":1760000000,"method":7,"path":["/"]}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_nothing_and_no_crash(line: str) -> None:
    assert hit(line.encode()) is None


def test_a_leap_second_counts_to_the_one_before() -> None:
    found = hit(b'- - - [31/Dec/2016:23:59:60 +0000] "GET / HTTP/1.1" 200 5')
    assert found is not None
    assert found.second == 1_483_228_799


moments = st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1))  # noqa: DTZ001 - the zone is given beside
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
segments = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"\\?#/'), max_size=12)
paths = st.lists(segments, min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))


@given(moments, zones, st.sampled_from(sorted(METHODS)), paths, st.integers(100, 599), st.booleans())
def test_both_families_of_formats_read_back_what_was_written(moment, zone, method, path, status, queried) -> None:
    at = moment.replace(tzinfo=zone, microsecond=0)
    target = f"{path}?a=1" if queried else path
    common = f'1.2.3.4 - - [{at:%d/%b/%Y:%H:%M:%S %z}] "{method} {target} HTTP/1.1" {status} 5 "-" "x"'
    document = {"time": at.isoformat(), "method": method, "path": target, "status": status}
    expected = Hit(int(at.timestamp()), method, path, queried, status)
    if len(common.split("[")[1].split("]")[0]) == 26:  # strftime writes odd minutes of a zone as they are
        assert hit(common.encode()) == expected
    assert hit(json.dumps(document).encode()) == expected


keys = st.sampled_from(["ts", "time", "method", "path", "status", "request", "uri", "httpRequest", "requestMethod"])
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
)


@given(st.binary(max_size=80) | st.dictionaries(keys, junk).map(lambda document: json.dumps(document).encode()))
@example(b'[10/Oct/2025:13:55:36 +0000] "' * 2000)
def test_no_line_is_a_crash(line: bytes) -> None:
    found = hit(line)
    assert found is None or found.second > 0
