"""What of a foreign service's spans may enter a bundle: no value of a query, no secret, no word of an error.

A service that is recorded by Tailgate sends spans that are clean already. Stock instrumentation of whatever language
may send statements with their values in them, whole addresses, messages of exceptions and command lines.
"""

import re
from collections.abc import Iterable

from tailgate_otel import names, scrub
from tailgate_otel.statement import MAX_TEXT, describe

from tailgate_loadtest.run.spans import Json

MAX_SPANS = 500
"""Of one request; what is beyond is left out."""

STATEMENTS = (names.ATTR_DB_QUERY, names.ATTR_DB_QUERY_OLD)
SYSTEMS = (names.ATTR_DB_SYSTEM, names.ATTR_DB_SYSTEM_OLD)

_OF_RESOURCES = ("service.", "telemetry.sdk.", "deployment.")
_OF_PERSONS = ("enduser.", "user.")
_SCALARS = frozenset(("boolValue", "intValue", "doubleValue"))
# In whose literals a backslash means itself, and a quote is doubled: the rules that statements are read by.
_DOUBLED = frozenset(
    (
        *("postgresql", "cockroachdb", "redshift", "aws.redshift", "sqlite", "oracle", "oracle.db", "mssql"),
        *("microsoft.sql_server", "db2", "ibm.db2", "h2", "hsqldb", "h2database", "derby", "trino"),
    )
)
_BACKSLASHED = frozenset(("mysql", "mariadb"))
_TOKENS = re.compile(
    r"""
      (?P<comment> --[^\n]*+ | \#[^\n]*+ | /\*.*?(?:\*/|\Z) )
    | (?P<literal> '(?:[^'\\]|\\.|'')*+(?:'|\Z) | "(?:[^"\\]|\\.|"")*+(?:"|\Z) )
    | (?P<name> `[^`]*+(?:`|\Z) )
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"\W*([A-Za-z]{1,32})\b")


def cleaned(document: Json) -> Json:
    """A copy of a request's spans of which nothing may be anybody's data."""
    left = MAX_SPANS
    resources = []
    for resource in document["resourceSpans"]:
        scopes = []
        for scope in resource["scopeSpans"]:
            spans = [_span(span) for span in scope["spans"][:left]]
            left -= len(spans)
            scopes.append(
                {"scope": {"name": scrub.text(scope["scope"].get("name", ""), scrub.MAX_NAME)}, "spans": spans}
            )
        said = resource["resource"].get("attributes", [])
        named = [pair for pair in said if str(pair.get("key", "")).startswith(_OF_RESOURCES)]
        resources.append({"resource": {"attributes": _attributes(named)}, "scopeSpans": scopes})
    return {"resourceSpans": resources}


def is_readable(system: str | None) -> bool:
    """Whether the rules of a system's statements are known."""
    return system in _DOUBLED or system in _BACKSLASHED


def statement(text: str, system: str | None) -> str:
    """A statement without its values, as far as the rules of its system are known; else its first word."""
    if system in _BACKSLASHED:
        return describe(_TOKENS.sub(_without_values, text[:MAX_TEXT])).text
    if system in _DOUBLED:
        return describe(text).text
    word = _WORD.match(text)
    return word[1].upper() if word else ""


def _without_values(token: re.Match[str]) -> str:
    return "?" if token["literal"] else token["name"] or " "


def _span(span: Json) -> Json:
    pairs = span.get("attributes", [])
    made: Json = {key: span[key] for key in ("traceId", "spanId", "parentSpanId", "kind") if key in span}
    made |= {key: span[key] for key in ("startTimeUnixNano", "endTimeUnixNano") if key in span}
    asked = any(pair.get("key") in STATEMENTS for pair in pairs)
    # Some put all of a statement, or of an address, into the name.
    name = scrub.text(span.get("name", ""), scrub.MAX_NAME).partition("?")[0]
    made["name"] = name.partition(" ")[0] if asked else name
    made["attributes"] = _attributes(pairs)
    if span.get("links"):
        made["links"] = [{key: link[key] for key in ("traceId", "spanId") if key in link} for link in span["links"]]
    if "code" in span.get("status", {}):
        made["status"] = {"code": span["status"]["code"]}
    return made


def _attributes(pairs: Iterable[Json]) -> list[Json]:
    texts: dict[str, str] = {}
    scalars: dict[str, Json] = {}
    for pair in pairs:
        key, value = str(pair.get("key", "")), pair.get("value", {})
        if key.startswith(_OF_PERSONS):
            continue
        if isinstance(value.get("stringValue"), str):
            texts[key] = value["stringValue"]
        elif _SCALARS & value.keys():
            scalars[key] = value
    system = next((texts[name] for name in SYSTEMS if name in texts), None)
    asked = {key: statement(texts.pop(key), system) for key in STATEMENTS if key in texts}
    kept = scrub.attributes({**texts, **dict.fromkeys(scalars, 0)})
    made = {key: scalars.get(key) or {"stringValue": value} for key, value in kept.items()}
    made |= {key: {"stringValue": text} for key, text in asked.items()}
    return [{"key": key, "value": value} for key, value in made.items()]
