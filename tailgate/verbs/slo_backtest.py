"""``tailgate slo backtest``: what an objectives file's alerts would have done in the past."""

import datetime as dt
import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import tailgate_slo
import typer
from rich.table import Table
from rich.text import Text
from tailgate_dashboards.backtest.picture import picture as draw
from tailgate_dashboards.backtest.replay import Firing
from tailgate_dashboards.backtest.study import Backtest, Outcome, Replayed
from tailgate_dashboards.backtest.study import backtest as replay
from tailgate_dashboards.prometheus import Prometheus
from tailgate_slo.budget import Severity

from tailgate import objectives as objectives_files
from tailgate.console import out, print_json, say
from tailgate.errors import CommandError
from tailgate.output import refuse_inputs, write

_BAD = 1
_SINCE = re.compile(r"([0-9]{1,5})(h|d|w)")
_SECONDS = {"h": 3_600, "d": 86_400, "w": 604_800}
_LONGEST_DAYS = 400
_SHOWN = 10
_NEGLIGIBLE = 0.001
"""The share of the time of which nothing need be known: a scrape that failed, a restart."""
_TIMES = {0: "never", 1: "once", 2: "twice"}
_DONE: dict[Severity, str] = {"page": "paged", "ticket": "opened a ticket"}


def backtest(
    prometheus: Annotated[str, typer.Option(help="The address of the Prometheus that holds the past.")],
    file: Annotated[Path | None, typer.Argument(help="slo.yaml here is the default.")] = None,
    since: Annotated[str, typer.Option(help="How far back to go, such as 36h, 90d or 4w.")] = "30d",
    picture: Annotated[Path | None, typer.Option(help="Write an SVG of it to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON.")] = False,
) -> None:
    """Replay a file's alerts over a Prometheus's past: who would have been paged, when, and at other thresholds.

    Other thresholds are those at which the service's histograms have an edge.

        tailgate slo backtest slo.yaml --prometheus http://prometheus:9090 --since 90d --picture alerts.svg
    """
    file = file or objectives_files.DEFAULT
    if picture is not None:
        refuse_inputs(picture, (file,))
        if not picture.parent.is_dir():
            raise CommandError(f"--picture {picture}: there is no directory {picture.parent}")
    objectives = tailgate_slo.load(file)
    end = time.time()
    found = replay(objectives, Prometheus(prometheus), begin=end - _seconds(since), end=end, tell=say)
    if picture is not None and found.replayed:
        write(picture, draw(found.replayed))
    if as_json:
        print_json(_document(found))
    else:
        _show(found)
        if picture is not None and found.replayed:
            typer.echo(f"wrote {picture}")
    if not found.replayed:
        raise typer.Exit(_BAD)


def _show(found: Backtest) -> None:
    console = out()
    columns = ("objective", "events", "bad", "budget spent", "pages", "tickets", "sampled every")
    table = Table(*columns, box=None, pad_edge=False)
    for each in found.replayed:
        done = each.outcome
        cells = (
            each.slo.name,
            f"{done.events:,.0f}",
            f"{done.bad:.3%}",
            f"{done.spent:.0%}",
            str(done.pages),
            str(done.tickets),
            f"{each.scrape:g} s" if each.scrape else "-",
        )
        table.add_row(*map(Text, cells))
    if found.replayed:
        first = found.replayed[0]
        console.print(f"from {_moment(first.begin)} to {_moment(first.end)}, UTC", highlight=False)
        console.print(table)
    lines = [line for each in found.replayed for line in _sentences(each)]
    lines += [f"{name} was left out: {why}" for name, why in found.left_out.items()]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _sentences(each: Replayed) -> list[str]:
    """What became of an objective, and when: of what pages nobody, by its tickets."""
    gravest = each.gravest
    others = [f"at {_threshold(each, at)} {_times(done, gravest)}" for at, done in each.others.items()]
    lines = ["; ".join([f"{each.slo.name} would have {_DONE[gravest]} {_times(each.outcome, gravest)}", *others])]
    told = [firing for firing in each.outcome.firings if firing.severity == gravest]
    lines += [f"  {_moment(one.start)} {_lasted(one)}, burn rate up to {one.worst:.3g}" for one in told[:_SHOWN]]
    if len(told) > _SHOWN:
        lines.append(f"  and {len(told) - _SHOWN} times more; --json tells all of them")
    if each.unknown > _NEGLIGIBLE:
        within = f" no two samples within {each.step + each.scrape:g} s" if each.scrape else " no answer"
        lines.append(f"  nothing is known of {each.unknown:.1%} of the time:{within}")
    return lines


def _times(outcome: Outcome, severity: Severity) -> str:
    count = outcome.pages if severity == "page" else outcome.tickets
    return _TIMES.get(count, f"{count} times")


def _threshold(each: Replayed, at: Decimal) -> str:
    measure = each.slo.measure
    if measure is not None and measure.kind == "latency":
        return f"{(at * 1000).normalize():f} ms"
    seconds = measure is not None and measure.kind == "vital" and measure.vital != "cls"
    return f"{at.normalize():f}" + (" s" if seconds else "")


def _lasted(firing: Firing) -> str:
    minutes = round((firing.end - firing.start) / 60)
    length = f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
    return f"and it lasts, for {length} so far" if firing.lasting else f"for {length}"


def _moment(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M")


def _seconds(text: str) -> float:
    match = _SINCE.fullmatch(text)
    length = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 3_600 <= length <= _LONGEST_DAYS * 86_400:
        raise CommandError(f"--since {text}: must be from 1h to {_LONGEST_DAYS}d, in h, d or w")
    return float(length)


def _document(found: Backtest) -> dict[str, Any]:
    return {
        "objectives": [
            {
                "name": each.slo.name,
                "begin": each.begin,
                "end": each.end,
                "step": each.step,
                "sampled_every": each.scrape or None,
                "unknown": each.unknown,
                "threshold": str(each.slo.measure.threshold)
                if each.slo.measure and each.slo.measure.threshold is not None
                else None,
                **_outcome(each.outcome),
                "at": {f"{at.normalize():f}": _outcome(done) for at, done in each.others.items()},
            }
            for each in found.replayed
        ],
        "left_out": found.left_out,
    }


def _outcome(done: Outcome) -> dict[str, Any]:
    return {
        "events": done.events,
        "bad_ratio": done.bad,
        "budget_spent": done.spent,
        "pages": done.pages,
        "tickets": done.tickets,
        "alerts": [
            {
                "severity": firing.severity,
                "start": firing.start,
                "end": firing.end,
                "lasting": firing.lasting,
                "long_window": firing.long,
                "short_window": firing.short,
                "worst_burn_rate": firing.worst,
            }
            for firing in done.firings
        ],
    }
