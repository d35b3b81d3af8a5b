"""What a route's response time is made of, as a bar and in words."""

from dataclasses import dataclass

from markupsafe import Markup

from tailgate_loadtest.judge.document import Finding
from tailgate_loadtest.measure.split import PARTS
from tailgate_loadtest.report import show, svg
from tailgate_loadtest.run.document import Parts, RouteRecord, Splits

_LEAST = 0.01
"""The least share of the whole that is named by itself."""
_WIDTH, _HEIGHT = 400.0, 14.0

NAMES = {
    "lag": "generator lag",
    "user": "waiting for a user",
    "connection": "connection",
    "wait": "first byte",
    "receive": "receiving",
    "network": "network",
    "pool": "pool wait",
    "database": "database",
    "application": "application",
    "other": "client",
}
_MEANINGS = {
    "lag": "the generator was late; no fault of the service",
    "user": "the arrival waited because all users were busy, or while a new one logged in: the service is behind",
    "connection": "resolving the name, connecting, TLS",
    "wait": "from the send to the first byte; the server does not say what it did",
    "receive": "from the first byte to the last",
    "network": "what the server does not account for, from the send to the last byte: on the way, and in line before it"
    " began",
    "pool": "the server waited for a connection to its database, none of the request's queries running",
    "database": "queries ran",
    "application": "the rest of the server's time",
    "other": "the client's own work; of a request that was redirected or sent again, all exchanges but the last",
}
_REST = "the rest"


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a whole."""

    part: str
    name: str
    seconds: float


def whole(parts: Parts) -> float:
    """The seconds that the parts add up to: the mean response time of these requests."""
    return sum(_seconds(parts).values())


def pieces(parts: Parts) -> list[Piece]:
    """The parts worth a name, the largest first, and then the rest; together they are the whole."""
    total = whole(parts)
    found = [Piece(part, NAMES[part], seconds) for part, seconds in _seconds(parts).items()]
    named = sorted((each for each in found if each.seconds >= _LEAST * total > 0), key=lambda each: -each.seconds)
    rest = total - sum(each.seconds for each in named)
    # Whatever is left of a sum of decimals is no rest.
    return [*named, *([Piece("rest", _REST, rest)] if rest > 1e-9 else [])]


def made_of(parts: Parts) -> str:
    """All pieces in a line, in milliseconds: ``pool wait 410, database 120, application 60``."""
    return ", ".join(f"{each.name} {show.milliseconds(each.seconds)}" for each in pieces(parts))


def bar(parts: Parts) -> Markup:
    """The parts in the order in which a request goes through them; the words beside it say it all."""
    total, at, drawn = whole(parts), 0.0, []
    for part, seconds in _seconds(parts).items():
        width = _WIDTH * seconds / total if total else 0.0
        if width >= 0.05:
            drawn.append(svg.element("rect", x=at, y=0, width=width, height=_HEIGHT, class_=f"part {part}"))
        at += width
    return svg.element(
        "svg",
        *drawn,
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        preserveAspectRatio="none",
        class_="parts",
        aria_hidden="true",
    )


def legend(splits: list[Parts]) -> list[tuple[str, str, str]]:
    """The parts that are worth a name in any of these: their key, their name, and what each means."""
    used = {each.part for parts in splits for each in pieces(parts)}
    return [(part, NAMES[part], _MEANINGS[part]) for part in NAMES if part in used]


def of_finding(finding: Finding, routes: dict[str, RouteRecord]) -> Parts | None:
    """What the percentile that an objective speaks of is made of, where that is known."""
    route = routes.get(finding.route or "")
    if finding.measure != "latency" or route is None or route.split is None:
        return None
    return _at(route.split, finding.target)


def _at(splits: Splits, q: float) -> Parts | None:
    return {0.5: splits.p50, 0.95: splits.p95, 0.99: splits.p99}.get(q)


def _seconds(parts: Parts) -> dict[str, float]:
    return {part: float(getattr(parts, part)) for part in PARTS}
