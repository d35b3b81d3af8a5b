"""Documents of ``kind: Gate``: how runs are judged."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import cast

from .measure import read_route
from .model import ACCEPTABLE, EVERYWHERE, Abort, Accept, Acceptable, Decision, Gate, Tolerance
from .nearest import suggestion
from .node import Node
from .openslo import read_spec

_KEYS = ("profile", "weights", "keys", "minimumSamples", "tolerance", "abort", "decision", "accept")


def read_gate(name: str, document: Node, objectives: Collection[str]) -> Gate:
    """The gate of a ``kind: Gate`` document, whose weights and keys name some of ``objectives``."""
    spec = read_spec(document).fields((), _KEYS)
    default = Gate()
    return Gate(
        name=name,
        profile=spec["profile"].text() if "profile" in spec else None,
        weights=_weights(spec["weights"], objectives) if "weights" in spec else {},
        keys=tuple(_known(node, node.text(), objectives) for node in spec["keys"].items()) if "keys" in spec else (),
        minimum_samples=spec["minimumSamples"].integer() if "minimumSamples" in spec else default.minimum_samples,
        tolerance=_tolerance(spec["tolerance"]) if "tolerance" in spec else default.tolerance,
        abort=_abort(spec["abort"]) if "abort" in spec else None,
        decision=_decision(spec["decision"]) if "decision" in spec else None,
        accept=tuple(_accept(node) for node in spec["accept"].items()) if "accept" in spec else (),
    )


def _known(node: Node, name: str, objectives: Collection[str]) -> str:
    if name not in objectives:
        raise node.error(f"the file has no objective {name}", suggestion(name, objectives))
    return name


def _weights(node: Node, objectives: Collection[str]) -> dict[str, Decimal]:
    return {_known(value, name, objectives): value.at_least(0) for name, value in node.mapping().items()}


def _tolerance(node: Node) -> Tolerance:
    fields = node.fields((), ("relative", "absolute"))
    default = Tolerance()
    return Tolerance(
        relative=fields["relative"].at_least(0) if "relative" in fields else default.relative,
        absolute=fields["absolute"].duration() if "absolute" in fields else default.absolute,
    )


def _abort(node: Node) -> Abort:
    fields = node.fields(("errorRatio", "for"))
    return Abort(error_ratio=fields["errorRatio"].between(0, 1), for_seconds=fields["for"].duration())


def _decision(node: Node) -> Decision:
    fields = node.fields(("adopt", "keep"), ("quantile",))
    adopt = fields["adopt"].fields(("below", "faster"))
    return Decision(
        quantile=fields["quantile"].between(0, 1) if "quantile" in fields else Decimal("0.95"),
        adopt_below=adopt["below"].duration(),
        adopt_faster=adopt["faster"].between(0, 1),
        keep_within=fields["keep"].fields(("within",))["within"].between(0, 1),
    )


def _accept(node: Node) -> Accept:
    fields = node.fields(("route", "measure", "bound", "until", "why"))
    until = fields["until"]
    try:
        day = date.fromisoformat(until.text())
    except ValueError:
        raise until.error("not a day", "Write year-month-day, as in 2030-01-31") from None
    return Accept(
        route=EVERYWHERE if fields["route"].tree.content == EVERYWHERE else read_route(fields["route"]),
        measure=cast("Acceptable", fields["measure"].one_of(ACCEPTABLE)),
        bound=fields["bound"].at_least(0),
        until=day,
        why=fields["why"].text(),
    )
