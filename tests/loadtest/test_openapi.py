"""Which routes an OpenAPI file gives, and what is said of one that is wrong."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tailgate_loadtest.errors import OpenApiError
from tailgate_loadtest.shapes import openapi


@pytest.fixture
def routes(tmp_path: Path) -> Callable[..., tuple[str, ...]]:
    """The routes of a file of that text."""

    def routes(text: str | bytes) -> tuple[str, ...]:
        file = tmp_path / "openapi.yaml"
        file.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return openapi.routes(file)

    return routes


SHOP = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1", "description": "x" * 5000},
    "paths": {
        "/orders": {"get": {"responses": {}}, "post": {"responses": {}}, "parameters": []},
        "/orders/{id}": {"get": {}, "summary": "one"},
        "x-note": {"get": {}},
    },
}


def test_each_method_of_each_path_is_a_route(routes):
    assert routes(json.dumps(SHOP)) == ("GET /orders", "POST /orders", "GET /orders/{id}")


def test_yaml_reads_as_json_does_long_texts_aliases_and_tags_included(routes):
    assert routes(
        f"""\
        openapi: 3.1.0
        info: {{title: Shop, description: !text "{"x" * 5000}"}}
        paths:
          /orders:
            get: {{responses: &answers {{"200": {{description: fine}}}}}}
            post: {{responses: *answers}}
          /orders/{{id}}:
            ? get
            : {{}}
        """
    ) == ("GET /orders", "POST /orders", "GET /orders/{id}")


def test_a_base_path_goes_before_each_template_and_each_is_there_without_it_too(routes):
    shop = {**SHOP, "servers": [{"url": "https://shop.example/v1/"}, {"url": "/v2"}, {"url": "./v3"}, {"url": "/"}]}
    found = routes(json.dumps(shop))
    assert found[:4] == ("GET /v1/orders", "GET /v2/orders", "GET /v3/orders", "GET /orders")
    assert len(found) == 12


def test_the_servers_of_a_path_or_a_method_take_the_place_of_the_others(routes):
    found = routes(
        """\
        openapi: 3.0.3
        servers: [{url: /outer}]
        paths:
          /a:
            servers: [{url: /path}]
            get: {}
            put: {servers: [{url: /method}]}
          /b: {get: {}}
        """
    )
    assert sorted(found) == ["GET /a", "GET /b", "GET /outer/b", "GET /path/a", "PUT /a", "PUT /method/a"]


def test_a_servers_variables_are_at_their_defaults(routes):
    found = routes(
        """\
        openapi: 3.0.3
        servers:
          - url: "{scheme}://shop.example:{port}/{base}/v{n}"
            variables: {scheme: {default: https}, port: {default: 8443}, base: {default: api}, n: {default: 2}}
        paths: {/a: {get: {}}}
        """
    )
    assert found == ("GET /api/v2/a", "GET /a")


def test_swagger_2_has_its_base_path(routes):
    assert routes("swagger: '2.0'\nbasePath: /v1\npaths: {'/a/{x}': {get: {}}}") == ("GET /v1/a/{x}", "GET /a/{x}")
    assert routes("swagger: 2.0\nbasePath: /\npaths: {/a: {get: {}}}") == ("GET /a",)


@pytest.mark.parametrize("item", ["{$ref: ./orders.yaml}", "*common", "{<<: *common}"])
def test_a_path_item_that_stands_elsewhere_has_every_method(routes, item):
    found = routes(f"openapi: 3.1.0\nx-common: &common {{get: {{}}}}\npaths:\n  /a: {item}\n")
    assert {"GET /a", "POST /a", "DELETE /a"} < set(found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no OpenAPI file"),
        ("- a", "is no OpenAPI file"),
        ("{", "is not JSON"),
        ("a: [", "is not YAML"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        ("[" * 100_000, "is n"),
        ("openapi: 3.1.0\nservers: " + "[" * 100_000 + "]" * 100_000, "is nested too deeply"),
        ('{"a":' * 100_000, "is nested too deeply"),
        ("openapi: 4.0.0\npaths: {/a: {get: {}}}", "openapi: is '4.0.0'; OpenAPI 3 and Swagger 2 are read"),
        ("swagger: '1.2'\npaths: {/a: {get: {}}}", "OpenAPI 3 and Swagger 2 are read"),
        ("paths: {/a: {get: {}}}", "openapi: is ''"),
        ("openapi: 3.1.0", "paths: has none"),
        ("openapi: 3.1.0\npaths: [/a]", "paths: has none"),
        ("openapi: 3.1.0\npaths: {orders: {get: {}}}", "paths: 'orders': a path begins with a slash"),
        ("openapi: 3.1.0\npaths: {'/a b': {get: {}}}", "has no blanks"),
        ("openapi: 3.1.0\npaths: {'/a/{id': {get: {}}}", "braces come in pairs"),
        ("openapi: 3.1.0\npaths: {'/a/{}': {get: {}}}", "braces come in pairs"),
        ("openapi: 3.1.0\npaths: {/a: }", "paths: '/a': must be a mapping of methods"),
        ("openapi: 3.1.0\nservers: {url: /v1}\npaths: {/a: {get: {}}}", "servers: must be a list"),
        ("openapi: 3.1.0\nservers: *s\npaths: {/a: {get: {}}}", "servers: must be a list"),
        ("openapi: 3.1.0\npaths: {/a: {get: {servers: [{}]}}}", "paths: '/a': get: servers: {} has no url"),
        ("openapi: 3.1.0\nservers: [{url: 'http://[1/'}]\npaths: {/a: {get: {}}}", "is no address"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_its_place(routes, tmp_path, text, told):
    with pytest.raises(OpenApiError) as caught:
        routes(text)
    assert str(caught.value).startswith(f"{tmp_path}/openapi.yaml: ")
    assert told in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_missing_file_and_a_directory_are_told(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(OpenApiError, match="cannot be read"):
            openapi.routes(path)


def test_a_file_past_all_bounds_is_refused(routes):
    with pytest.raises(OpenApiError, match="larger than 32 MiB"):
        routes(b" " * (33 << 20))
    many = {"openapi": "3.1.0", "paths": {f"/{n}": {"get": {}} for n in range(50_001)}}
    with pytest.raises(OpenApiError, match="more than 50000 routes"):
        routes(json.dumps(many))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["openapi", "paths", "servers", "get", "url", "variables", "/a", "$ref", "default"]), inner
        )
    ),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=anything, servers=anything)
def test_a_file_of_any_shape_is_read_or_refused(routes, paths, servers):
    for base in ({}, {"servers": servers}):
        try:
            routes(json.dumps({"openapi": "3.1.0", "paths": paths, **base}))
        except OpenApiError:
            continue
