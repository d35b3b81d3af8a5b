"""How paths become templates."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.traffic.folding import MAX_NAMES, MAX_PLACES, Folding


def folded(paths: list[str], method: str = "GET") -> Counter[str]:
    """Templates of paths, and how many went to each."""
    folding = Folding()
    for path in paths:
        leaf = folding.leaf(method, path)
        if leaf is not None:
            leaf.hours[0] += 1
    return Counter({template: leaf.hours.total() for _, template, leaf in folding.templates()})


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/", "/"),
        ("/orders", "/orders"),
        ("/orders/", "/orders/"),
        ("/orders/17", "/orders/{id}"),
        ("/api/v2/orders/17/lines/3", "/api/v2/orders/{id}/lines/{id2}"),
        ("/a/3fa85f64-5717-4562-b3fc-2c963f66afa6", "/a/{id}"),
        ("/a/9f86d081884c7d65", "/a/{id}"),
        ("/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0", "/reset/{id}"),
        ("/users/ann.lee@example.com", "/users/{id}"),
        ("/users/ann.lee%40example.com", "/users/{id}"),
        ("/users/~ann", "/users/{id}"),
        ("/hosts/10.1.2.3", "/hosts/{id}"),
        ("/days/2025-10-10", "/days/{id}"),
        ("/phones/+4917012345", "/phones/{id}"),
        ("/cart;jsessionid=SECRET/items", "/cart/items"),
        ("/r/" + "x" * 41, "/r/{id}"),
        ("/oauth2/token", "/oauth2/token"),
        ("//orders//17", "//orders//{id}"),
        ("/na\u00efve", "/{id}"),
    ],
)
def test_a_segment_that_does_not_look_like_a_name_is_a_value(path: str, template: str) -> None:
    assert folded([path]) == {template: 1}


def test_names_at_one_place_are_values_once_there_are_too_many() -> None:
    users = [f"/users/{chr(97 + i % 26)}{chr(97 + i // 26)}/posts" for i in range(MAX_NAMES)]
    assert len(folded(users)) == MAX_NAMES
    assert folded([*users, "/users/one-more/posts", "/users/one-more"]) == {
        "/users/{id}/posts": MAX_NAMES + 1,
        "/users/{id}": 1,
    }


def test_values_that_come_together_later_are_those_that_were_always_together() -> None:
    names = [chr(97 + i % 26) + chr(97 + i // 26) for i in range(MAX_NAMES + 1)]
    deep = [f"/first/{name}" for name in names]
    wide = [f"/{name}/only" for name in names]
    expected = {"/{id}/{id2}": 2 * len(names)}
    assert folded([*deep, *wide]) == expected
    assert folded([*wide, *deep]) == expected


def test_methods_are_apart_and_names_count_for_all_of_them() -> None:
    folding = Folding()
    for i in range(MAX_NAMES + 1):
        folding.leaf(("GET", "PUT")[i % 2], f"/users/{'x' * (1 + i % 30)}{chr(97 + i // 30)}")
    assert sorted((method, template) for method, template, _ in folding.templates()) == [
        ("GET", "/users/{id}"),
        ("PUT", "/users/{id}"),
    ]


def test_memory_is_bounded_whatever_is_asked_for() -> None:
    folding = Folding()
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
    refused = 0
    for a in letters:
        for b in letters:
            for c in letters[:20]:
                refused += folding.leaf("GET", f"/{a}/{b}/{c}") is None
    assert refused > 0
    assert sum(1 for _ in folding.templates()) <= MAX_PLACES
    assert folding.leaf("GET", "/a/a/a") is not None
    assert folding.leaf("GET", "/a" * 1000) is None


segments = st.sampled_from(["a", "b", "c", "17", "", "v2"]) | st.integers(0, 2 * MAX_NAMES).map(
    lambda i: chr(97 + i % 26) + chr(97 + i // 26)
)
paths = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
many = st.lists(paths, max_size=40) | st.tuples(paths, paths).map(
    lambda around: [f"{around[0]}/{chr(97 + i % 26)}{chr(97 + i // 26)}{around[1]}" for i in range(MAX_NAMES + 5)]
)


@given(many, many, st.randoms(use_true_random=False))
def test_the_order_of_the_paths_does_not_matter_and_none_is_lost(first, second, random) -> None:
    paths = [*first, *second]
    shuffled = list(paths)
    random.shuffle(shuffled)
    found = folded(paths)
    assert found == folded(shuffled)
    assert found.total() == len(paths)


@given(many)
def test_no_place_has_more_names_than_the_bound(paths) -> None:
    places: dict[str, set[str]] = {}
    for template in folded(paths):
        parts = template.split("/")
        for i in range(1, len(parts)):
            places.setdefault("/".join(parts[:i]), set()).add(parts[i])
    assert all(len(names - {"", "{id}", "{id2}", "{id3}", "{id4}"}) <= MAX_NAMES for names in places.values())


@given(st.text(max_size=60))
def test_no_path_is_a_crash_and_only_what_looks_like_names_is_kept(path) -> None:
    for template in folded(["/" + path]):
        assert template.isascii()
        assert not set(template) & set("%@?;=+~\"' \\")
