"""``tailgate db benchmark`` and ``tailgate db baseline``: how quick the reference API's data layers are."""

import json
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from tailgate_loadtest.run.environment import facts
from tailgate_loadtest.shapes.units import seconds
from tailgate_service.measure import document, layers, queries
from tailgate_service.measure.layers import Measured
from tailgate_service.measure.queries import Compared
from tailgate_service.seed.config import SeedConfig
from tailgate_service.settings import VARIANTS, Variant

from tailgate.console import out, print_json, say
from tailgate.errors import CommandError

DEFAULT = Path(".tailgate/benchmark.json")
BASELINE = Path("docs/baseline.md")
MISSED = 1
UNDECIDED = 3

Workspaces = Annotated[int, typer.Option(min=1, help="Of the seed.")]
Conversations = Annotated[int, typer.Option(min=1, help="Of the seed, in each workspace.")]
_SEED = SeedConfig()
_WORDS = {True: "met", False: "missed", None: "undecided"}


def benchmark(
    names: Annotated[str, typer.Option("--layers", help="Which, by commas; an empty list leaves them out.")] = ",".join(
        VARIANTS
    ),
    calls: Annotated[int, typer.Option(min=1, max=100_000, help="Of each kind, to each layer, either way.")] = 50,
    db_rtt: Annotated[str, typer.Option(help="The round trip put before the layers' database.")] = "100ms",
    rounds: Annotated[int, typer.Option(min=0, max=1000, help="Of the queries, either schema; 0 leaves them out.")] = 7,
    workspaces: Workspaces = _SEED.workspaces,
    conversations: Conversations = _SEED.conversations,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the figures are written as JSON.")] = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="The same on standard output, in place of tables.")] = False,
) -> None:
    """Measure each layer by itself and through the whole API, and queries before and after tuning.

    All on embedded, seeded databases. Exit code 1: a query finds other rows after tuning, or is not as much quicker
    as it must be; 3: it is not, but the seed is smaller than the one that the goals are of, which is the default.
    """
    chosen = _variants(names)
    trip, seed = _trip(db_rtt), SeedConfig(workspaces=workspaces, conversations=conversations)
    _make_room(output)
    measured: list[Measured] = []
    trips = {}
    for variant in chosen:
        say(f"{variant}: {calls} calls of each kind, by itself and through the API")
        found, trips[variant] = layers.measure(variant, calls=calls, db_rtt=trip, seed=seed)
        measured += found
    compared: list[Compared] = []
    if rounds:
        say(f"{len(queries.QUERIES)} queries over the schema before and after tuning, {rounds} rounds")
        compared = queries.compare(rounds, seed=seed)
    told = {
        "schema": document.SCHEMA,
        "date": _now(),
        "environment": facts(),
        "seed": {"workspaces": workspaces, "conversations": conversations},
        "db_rtt": {"emulated": trip, "measured": trips},
        "layers": [document.layer(each) for each in measured],
        "queries": [document.query(each) for each in compared],
    }
    output.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if as_json:
        print_json(told)
    else:
        if measured:
            out().print(_layers_table(measured, calls, db_rtt))
        if compared:
            out().print(_queries_table(compared))
        out().print(f"written to {output}", markup=False)
    met = {each.met for each in compared if not each.named}
    if False in met:
        raise typer.Exit(MISSED)
    if None in met:
        raise typer.Exit(UNDECIDED)


def baseline(
    calls: Annotated[int, typer.Option(min=1, max=100_000, help="Of each kind, at each round trip.")] = 400,
    db_rtt: Annotated[str, typer.Option(help="Round trips put before the database, by commas.")] = "0ms,100ms",
    workspaces: Workspaces = _SEED.workspaces,
    conversations: Conversations = _SEED.conversations,
    output: Annotated[Path, typer.Option("-o", "--output", help="The page that is written.")] = BASELINE,
) -> None:
    """Write down how quick the reference API is before any optimisation: P50, P95 and P99 of its main routes."""
    seed = SeedConfig(workspaces=workspaces, conversations=conversations)
    chosen = [_trip(text) for text in db_rtt.split(",")]
    _make_room(output)
    measured, trips = {}, {}
    for trip in chosen:
        say(f"sequential, a round trip of {trip * 1e3:g} ms: {calls} calls of each kind")
        measured[trip], trips[trip] = layers.measure("sequential", calls=calls, db_rtt=trip, ways=["api"], seed=seed)
    known = facts()
    shown = {
        "date": _now(),
        "commit": f"{known['revision']}{' with changes' if known['dirty'] else ''}",
        "machine": f"{known['processor']}, {known['cores']} cores, {int(known['memory_bytes'] or 0) / 2**30:.0f} GiB",
        "system": f"{known['system']}, Python {known['python']}",
        "seed": f"{workspaces} workspaces of {conversations} conversations",
    }
    output.write_text(document.baseline(measured, trips, shown), encoding="utf-8")
    out().print(f"written to {output}", markup=False)


def _variants(names: str) -> list[Variant]:
    known = {str(variant): variant for variant in VARIANTS}
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in known:
            raise CommandError(f"--layers: {name!r} is none of {', '.join(VARIANTS)}")
    return [known[name] for name in dict.fromkeys(chosen)]


def _trip(text: str) -> float:
    try:
        return seconds(text.strip())
    except ValueError as error:
        raise CommandError(f"--db-rtt: {error}") from error


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _make_room(path: Path) -> None:
    """Before minutes are spent: the place to write at must be one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from error


def _table(title: str, caption: str) -> Table:
    return Table(title=title, title_justify="left", caption=caption, caption_justify="left", box=None, pad_edge=False)


def _layers_table(measured: Sequence[Measured], calls: int, db_rtt: str) -> Table:
    title = f"Layers: {calls} calls each, one at a time, a round trip of {db_rtt} to the database"
    caption = f"kept: P95 below {layers.LIMIT * 1e3:g} ms; sure: how much that says of all such calls"
    table = _table(title, caption)
    for column in ("variant", "way", "call"):
        table.add_column(column, no_wrap=True)
    for column in (*(f"{name.upper()} ms" for name in document.PERCENTILES), "verdict", "sure"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in measured:
        shown: dict[str, Any] = document.layer(each)
        times = (f"{shown[name] * 1e3:.1f}" for name in document.PERCENTILES)
        table.add_row(
            each.variant, each.way, each.call, *times, "kept" if each.kept else "missed", f"{shown['sureness']:.0%}"
        )
    return table


def _queries_table(compared: Sequence[Compared]) -> Table:
    caption = "the policies alone choose the workspace's rows; named: the ratio where the query names it, too"
    if any(each.met is None for each in compared):
        caption += (
            f"\nundecided: the goals are of a seed of {_SEED.workspaces} workspaces of {_SEED.conversations:,}"
            " conversations; among fewer rows there is little to be quicker at"
        )
    table = _table("Queries before and after tuning, in ms, without a round trip", caption)
    table.add_column("query", no_wrap=True)
    for column in ("rows", "before", "after", "ratio", "verdict", "named"):
        table.add_column(column, justify="right", no_wrap=True)
    named = {each.query.name: each.ratio for each in compared if each.named}
    for each in compared:
        if each.named:
            continue
        before, after = (statistics.median(side) * 1e3 for side in (each.before, each.after))
        rows = f"{each.rows[0]}" if each.rows[0] == each.rows[1] else f"{each.rows[0]}, then {each.rows[1]}"
        verdict = f"{_WORDS[each.met]} ≥ {each.query.goal:.3g}"
        ratios = f"{each.ratio:.1f}", verdict, f"{named[each.query.name]:.1f}"
        table.add_row(each.query.name, rows, f"{before:.1f}", f"{after:.2f}", *ratios)
    return table
