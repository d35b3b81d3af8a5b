"""Reads which routes an OpenAPI 3 or Swagger 2 file describes, and nothing else of it.

Such files run to many megabytes of schemas and prose, of which a handful of keys matter here. Of YAML only these are
made into values; the rest is passed over as it is read, so neither its size, its aliases nor its tags can do harm.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Any
from urllib.parse import urlsplit

import yaml

from tailgate_loadtest.errors import OpenApiError

_MAX_BYTES = 32 * 1024 * 1024
_MAX_ROUTES = 50_000
_METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "query", "trace")
_REFERENCE = "$ref"
_ELSEWHERE = frozenset((_REFERENCE, "<<"))
_PARAMETER = re.compile(r"\{[^{}]+\}")
# libyaml where it is there, several times as fast.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def routes(path: Path) -> tuple[str, ...]:
    """The routes of a file, ``METHOD template`` each: as the servers' base paths have them, and without these.

    A template without its base path is what a request names when ``--host`` holds that path, or goes past the gateway
    which adds it. A path item that stands elsewhere (``$ref``) is taken to have every method.

    Raises:
        OpenApiError: naming the file, the place in it and what would be right.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise OpenApiError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return tuple(_routes(_document(content)))
    except OpenApiError as error:
        raise OpenApiError(f"{path}: {error}") from error


def _document(content: bytes) -> dict[str, Any]:
    if len(content) > _MAX_BYTES:
        raise OpenApiError(f"is larger than {_MAX_BYTES >> 20} MiB; give one with paths alone, its schemas left out")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OpenApiError(f"is not UTF-8: {error.reason} at byte {error.start}") from error
    try:
        document = json.loads(text) if text.lstrip()[:1] == "{" else _pruned(text)
    except json.JSONDecodeError as error:
        raise OpenApiError(f"is not JSON: {error}") from error
    except yaml.YAMLError as error:
        raise OpenApiError(f"is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise OpenApiError("is nested too deeply") from error
    if not isinstance(document, dict):
        raise OpenApiError("is no OpenAPI file: a mapping with openapi: and paths: was expected")
    return document


def _routes(document: Mapping[str, Any]) -> Iterator[str]:
    version = str(document.get("openapi") or document.get("swagger") or "")
    if not version.startswith("3." if "openapi" in document else "2."):
        raise OpenApiError(f"openapi: is {short(version)}; OpenAPI 3 and Swagger 2 are read (openapi: 3.1.0)")
    paths = document.get("paths")
    if not isinstance(paths, dict) or not paths:
        raise OpenApiError("paths: has none; a file that describes requests has its paths there")
    base = document.get("basePath")
    outer = [_prefix(base, "basePath")] if base and "swagger" in document else _prefixes(document, "servers")
    found: dict[str, None] = {}
    for template, item in paths.items():
        if str(template).startswith("x-"):
            continue
        for method, prefixes in _methods(_template(template), item, outer):
            for prefix in (*prefixes, ""):
                found[f"{method.upper()} {prefix}{template}"] = None
        if len(found) > _MAX_ROUTES:
            raise OpenApiError(
                f"paths: describes more than {_MAX_ROUTES} routes; give a file of the API under load alone"
            )
    yield from found


def _template(template: Any) -> str:
    place = f"paths: {short(template)}"
    if not isinstance(template, str) or not template.startswith("/"):
        raise OpenApiError(f"{place}: a path begins with a slash, as in /orders/{{id}}")
    if not template.isprintable() or " " in template:
        raise OpenApiError(f"{place}: a path has no blanks or control characters; write them %20 and the like")
    if set("{}") & set(_PARAMETER.sub("", template)):
        raise OpenApiError(f"{place}: braces come in pairs around a parameter's name, as in /orders/{{id}}")
    return template


def _methods(template: str, item: Any, outer: list[str]) -> Iterator[tuple[str, list[str]]]:
    place = f"paths: {short(template)}"
    if not isinstance(item, dict):
        raise OpenApiError(f"{place}: must be a mapping of methods, such as get:, to what they do")
    if not _ELSEWHERE.isdisjoint(item):
        yield from ((method, outer) for method in _METHODS)
        return
    own = _prefixes(item, f"{place}: servers") or outer
    for method in _METHODS:
        if method in item:
            operation = item[method] if isinstance(item[method], dict) else {}
            yield method, _prefixes(operation, f"{place}: {method}: servers") or own


def _prefixes(holder: Mapping[str, Any], place: str) -> list[str]:
    servers = holder.get("servers") or []
    if not isinstance(servers, list):
        raise OpenApiError(f"{place}: must be a list of servers, such as - url: /v1")
    prefixes = []
    for server in servers:
        url = server.get("url") if isinstance(server, dict) else None
        if not isinstance(url, str):
            raise OpenApiError(f"{place}: {short(server)} has no url; write it url: https://api.example.com/v1")
        variables = server.get("variables")
        for name, variable in variables.items() if isinstance(variables, dict) else ():
            default = variable.get("default") if isinstance(variable, dict) else None
            url = url if default is None else url.replace(f"{{{name}}}", str(default))
        prefixes.append(_prefix(url, place))
    return prefixes


def _prefix(url: Any, place: str) -> str:
    try:
        path = urlsplit(str(url)).path
    except ValueError as error:
        raise OpenApiError(f"{place}: {short(url)} is no address: {error}") from error
    path = path.lstrip("./").rstrip("/")
    return f"/{path}" if path else ""


# What is wanted of a YAML page, by key; "*" stands for any.
_WHOLE: dict[str, Any] = {}
_WHOLE["*"] = _WHOLE
_OPERATION = {"servers": _WHOLE}
_ITEM = {"servers": _WHOLE} | dict.fromkeys(_ELSEWHERE, _WHOLE) | dict.fromkeys(_METHODS, _OPERATION)
_WANTED = dict.fromkeys(("openapi", "swagger", "basePath", "servers"), _WHOLE) | {"paths": {"*": _ITEM}}


def _pruned(text: str) -> Any:
    """The wanted part of a page of YAML, its scalars as text; an alias is read as a reference."""
    events = yaml.parse(text, Loader=_Loader)
    for event in events:
        if isinstance(event, yaml.NodeEvent):
            return _value(events, event, _WANTED)
    return None


def _value(events: Iterator[Any], event: Any, wanted: Mapping[str, Any]) -> Any:
    if isinstance(event, yaml.ScalarEvent):
        return event.value
    if isinstance(event, yaml.AliasEvent):
        return {_REFERENCE: event.anchor}
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_value(events, event, wanted))
        return items
    mapping = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = event.value if isinstance(event, yaml.ScalarEvent) else None
        if key is None:
            _pass_over(events, event)
        event, within = next(events), None if key is None else wanted.get(key, wanted.get("*"))
        if within is None:
            _pass_over(events, event)
        else:
            mapping[key] = _value(events, event, within)
    return mapping


def _pass_over(events: Iterator[Any], event: Any) -> None:
    depth = _step(event)
    while depth:
        depth += _step(next(events))


def _step(event: Any) -> int:
    return isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
