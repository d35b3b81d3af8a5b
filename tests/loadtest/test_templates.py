"""Which template a path belongs to: by rule, and against a slow and plain way of finding it."""

import itertools
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.shapes.templates import Templates, folded

SHOP = Templates(
    (
        "GET /",
        "GET /orders",
        "POST /orders",
        "GET /orders/{id}",
        "GET /orders/{order_id}",
        "PUT /orders/{order_id}",
        "GET /orders/search",
        "GET /orders/{id}/items/{item}",
        "GET /orders/latest/items/first",
        "GET /files/{name}.json",
        "GET /files/{name}.tar.gz",
        "GET /files/{path:path}",
        "GET /files/{path:path}/raw",
        "GET /compare/{base}...{head}",
        "POST /jobs/{job}:cancel",
        "GET /caf%C3%A9/{x}",
        "GET /slash/",
        "GET /assets/{proxy+}",
        "GET /go/{rest...}",
        "GET /net/{*rest}",
    )
)


@pytest.mark.parametrize(
    ("method", "url", "route"),
    [
        ("GET", "/", "GET /"),
        ("GET", "", "GET /"),
        ("GET", "http://127.0.0.1:8000", "GET /"),
        ("GET", "/orders/17", "GET /orders/{id}"),
        ("get", "/orders/17", "GET /orders/{id}"),
        ("GET", "orders/17", "GET /orders/{id}"),
        ("GET", "/orders/17?page=/x/y#z", "GET /orders/{id}"),
        ("GET", "https://user:secret@shop.example:8443/orders/17?q=1", "GET /orders/{id}"),
        ("GET", "/orders/17/", "GET /orders/{id}"),
        ("GET", "/slash", "GET /slash/"),
        ("GET", "/orders/search", "GET /orders/search"),
        ("PUT", "/orders/17", "PUT /orders/{order_id}"),
        ("GET", "/orders/a%2Fb", "GET /orders/{id}"),
        ("GET", "/%6Frders/17", "GET /orders/{id}"),
        ("GET", "/orders/latest/items/first", "GET /orders/latest/items/first"),
        ("GET", "/orders/latest/items/second", "GET /orders/{id}/items/{item}"),
        ("GET", "/files/a.json", "GET /files/{name}.json"),
        ("GET", "/files/.json", "GET /files/{path:path}"),
        ("GET", "/files/a.tar.gz", "GET /files/{name}.tar.gz"),
        ("GET", "/files/a/b/c.json", "GET /files/{path:path}"),
        ("GET", "/files/a/b/raw", "GET /files/{path:path}/raw"),
        ("GET", "/files/", "GET /files/{path:path}"),
        ("GET", "/files", "GET /files/{path:path}"),
        ("GET", "/compare/v1...v2", "GET /compare/{base}...{head}"),
        ("POST", "/jobs/7:cancel", "POST /jobs/{job}:cancel"),
        ("GET", "/café/1", "GET /caf%C3%A9/{x}"),
        ("GET", "/caf%c3%a9/1", "GET /caf%C3%A9/{x}"),
        ("GET", "/assets/a/b", "GET /assets/{proxy+}"),
        ("GET", "/go/a/b", "GET /go/{rest...}"),
        ("GET", "/net/a/b", "GET /net/{*rest}"),
        # The template is there, for other methods only; the server will say so, on that route.
        ("DELETE", "/orders/17", "DELETE /orders/{id}"),
        ("POST", "/orders/search", "POST /orders/search"),
        ("PUT", "/orders/search", "PUT /orders/{order_id}"),
        ("GET", "/unknown", None),
        ("GET", "/orders//items/1", None),
        ("GET", "/orders/1/items/2/3", None),
        ("GET", "/jobs/:cancel", None),
        ("GET", "//", "GET /"),
        ("GET", "/compare/v1..v2", None),
    ],
)
def test_a_path_belongs_to_its_most_concrete_template(method, url, route):
    assert SHOP.match(method, url) == route


def test_of_two_that_differ_in_their_parameters_names_the_first_counts():
    assert Templates(["GET /a/{x}", "GET /a/{y}"]).match("GET", "/a/1") == "GET /a/{x}"
    assert Templates(["GET /a/{y}", "GET /a/{x}"]).match("GET", "/a/1") == "GET /a/{y}"


def test_without_templates_nothing_matches():
    assert Templates([]).match("GET", "/orders/1") is None


def test_a_deep_path_and_a_deep_template_are_no_trouble():
    deep = "/{x}" * 5000
    assert Templates([f"GET {deep}"]).match("GET", "/1" * 5000) == f"GET {deep}"
    assert SHOP.match("GET", "/1" * 50_000) is None


def test_a_segment_of_many_parameters_costs_no_more_than_its_length():
    assert Templates(["GET /" + "{x}-" * 200 + "end"]).match("GET", "/" + "-" * 100_000) is None


# Few literals and one-letter values: so small a world that templates overlap all the time.
segments = st.sampled_from(["a", "b", "{x}", "{y}", "a{x}", "{x}b", "{x}-{y}", "a{x}b"])
templates = st.lists(segments, min_size=1, max_size=4).map("/".join).map("/{}".format)
tails = st.tuples(templates, st.sampled_from(["/{t:path}", "/{t:path}/b", "/a{t:path}"])).map("".join)
routes = st.lists(
    st.tuples(st.sampled_from(["GET", "PUT"]), templates | tails).map(" ".join), max_size=12, unique_by=lambda r: r
)
paths = st.lists(st.sampled_from(["a", "b", "c", "ab", "acb", "a-b", "a-", "-b", "-", ""]), min_size=1, max_size=5).map(
    lambda parts: "/" + "/".join(parts)
)


def rank(segment: str) -> tuple[int, int]:
    """How concrete a segment is; the least is the most."""
    literal = len(re.sub(r"\{[^}]*\}", "", segment))
    if ":path" in segment:
        return 3, -literal
    if segment.startswith("{") and segment.endswith("}") and "-" not in segment:
        return 2, 0
    return (1, -literal) if "{" in segment else (0, 0)


def shape(template: str) -> str:
    return re.sub(r"\{\w+(:path)?\}", r"{\1}", template)


def ranks(template: str) -> list[tuple[int, int]]:
    parts = template[1:].split("/")
    for at, part in enumerate(parts):
        if ":path" in part:
            return [rank(each) for each in parts[:at]] + [rank("/".join(parts[at:]))]
    return [rank(part) for part in parts]


def pattern(template: str) -> str:
    tail = "(?s:.)*" if ":path" in template else ""
    made = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
    return re.sub(r"\\\{t:path\\\}", lambda _: tail, made)


def plainly(known: list[str], method: str, path: str) -> set[str]:
    """The shapes that may be right, each template tried by a regular expression."""
    other = path[:-1] if path.endswith("/") else path + "/"
    for wanted, spelling in itertools.product(({method}, {"GET", "PUT"}), (path, other)):
        fitting = [
            t for m, t in (route.split(" ") for route in known) if m in wanted and re.fullmatch(pattern(t), spelling)
        ]
        if fitting:
            best = min(map(ranks, fitting))
            return {shape(t) for t in fitting if ranks(t) == best}
    return set()


@given(known=routes, method=st.sampled_from(["GET", "PUT"]), path=paths)
def test_the_trie_finds_what_trying_every_template_finds(known, method, path):
    found = Templates(known).match(method, path)
    expected = plainly(known, method, path)
    if found is None:
        assert not expected
    else:
        assert found.split(" ")[0] == method
        assert shape(found.split(" ")[1]) in expected


@given(known=st.lists(st.text(max_size=20), max_size=6), method=st.text(max_size=5), path=st.text(max_size=30))
def test_no_text_whatever_makes_it_fail(known, method, path):
    Templates(known).match(method, path)


@given(values=st.lists(st.text(min_size=1, max_size=10), min_size=3, max_size=3))
def test_any_value_percent_encoded_fits_its_parameter(values):
    template = "/p/{a}/q/{b}/{c}"
    path = template.format(**dict(zip("abc", (quote(v, safe="") for v in values), strict=True)))
    assert Templates([f"GET {template}"]).match("GET", path) == f"GET {template}"


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/orders/17", "/orders/{id}"),
        ("/orders/17/items/4", "/orders/{id}/items/{id}"),
        ("/u/3fa85f64-5717-4562-b3fc-2c963f66afa6", "/u/{id}"),
        ("/u/507F1f77bcf86cd799439011", "/u/{id}"),
        ("/17/", "/{id}/"),
        # A word, a name, a version or a short hash may be anything.
        ("/feedfacedeadbeef", "/feedfacedeadbeef"),
        ("/v1/orders", "/v1/orders"),
        ("/orders/17.json", "/orders/17.json"),
        ("/commit/1a2b3c4", "/commit/1a2b3c4"),
        ("/orders/-17", "/orders/-17"),
        ("/orders/١٧", "/orders/١٧"),
        ("/", "/"),
    ],
)
def test_only_a_segment_that_can_be_little_else_is_folded_into_an_id(path, route):
    assert folded(path) == route
