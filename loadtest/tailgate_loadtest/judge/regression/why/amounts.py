"""Differences, and the statements they are of, as they stand in a sentence."""

from collections import Counter
from collections.abc import Iterable

from tailgate_loadtest.judge.regression.why.spent import Request, Work
from tailgate_loadtest.judge.regression.why.statements import shortened

_MANY = 5
"""How often a statement runs under one request to be an N+1, where no recorder has judged that."""
_NAME = 80
"""Characters of the name of a span."""


def signed(seconds: float) -> str:
    """A difference, such as ``+35 ms``."""
    return f"{'+' if seconds >= 0 else '−'}{milliseconds(abs(seconds))} ms"


def milliseconds(seconds: float) -> str:
    """A time without its unit, to two digits or to the millisecond."""
    value = seconds * 1e3
    places = 0 if value >= 9.95 else 1 if value >= 0.95 else 2
    return f"{value:.{places}f}"


def number(value: float) -> str:
    """A count for each request: whole where it is nearly so."""
    if value >= 0.5 and abs(value - round(value)) < 0.05:
        return f"{value:.0f}"
    return f"{value:.2g}" if value < 10 else f"{value:.1f}"


def called(work: Work, traces: Iterable[Request]) -> str:
    """A statement, where most of these requests send it from, and whether any of them repeats it; or a span."""
    traces = list(traces)
    text = shortened(work.text) if work.kind == "database" else " ".join(work.text.split())[:_NAME]
    sites = Counter(site for each in traces if (site := each.sites.get(work)))
    place = f" at {sites.most_common(1)[0][0]}" if sites else ""
    repeated = any(each.repeated == work or each.ran.get(work, 0) >= _MANY for each in traces)
    # What stands between back quotes can hold none.
    return "`" + text.replace("`", "'") + "`" + place + (" (N+1)" if repeated else "")
