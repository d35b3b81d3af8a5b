"""The profile file: YAML whose comments say where each number is from."""

import textwrap
from collections.abc import Iterator

import numpy as np

from tailgate_loadtest.traffic.draft import Draft, Placed
from tailgate_loadtest.traffic.ramps import MAX_RAMPS
from tailgate_loadtest.traffic.series import moment

_WIDTH = 110


def document(draft: Draft) -> str:
    """The file of a draft's profile, which ``shapes.profile`` reads."""
    profile = draft.profile
    lines = [
        *_comment(f"{profile.name}: a profile of production's traffic, made by `tailgate profile from`."),
        *(line for note in origin(draft) for line in _comment(note)),
        "apiVersion: tailgate/v1",
        "kind: Profile",
        f"name: {profile.name}",
        f"description: {profile.description}",
        *_comment(burstiness(draft)),
        f"arrivals: {profile.process}",
        *_comment("Not measured: time for caches and pools to fill; never judged."),
        f"warmup: {_number(profile.warmup)}s",
        *_comment(shape(draft)),
        "stages:",
        *(f"  - {_stage(each, draft)}" for each in draft.stages),
        *_comment("One persona asks for every route by its measured share: the locustfile has them."),
        f"mix: {{{', '.join(f'{persona}: {_number(weight)}' for persona, weight in profile.mix.items())}}}",
        *_comment("Not measured: a bound with room for answers of 5 s at the peak; arrivals past it wait."),
        f"users: {profile.users}",
    ]
    return "\n".join(lines) + "\n"


def origin(draft: Draft) -> list[str]:
    """What was counted, when it was the busiest, and what of it is in the mix, in sentences."""
    total, window, profile = draft.total, draft.window, draft.profile
    left = sum(draft.mix.left_out.values())
    everything = (
        f"In all: {total.requests:.0f} requests from {moment(total.start)} to {moment(total.start + total.seconds)},"
        f" {total.rate:.4g}/s on average."
    )
    peak = (
        f"Busiest {span(window.seconds)}: from {moment(window.start)}, {window.requests:.0f} requests,"
        f" {window.rate:.4g}/s on average, {window.peak:.4g}/s in its busiest {span(window.step)}. The profile takes"
        f" {span(profile.duration)} for it, at the same rates."
    )
    mix = (
        f"Mix: {len(draft.mix.routes)} routes, counted over {draft.mix.over}. Each arrival is one request; who asks for"
        " what after what is not in these counts, and is not made up."
    )
    notes = [*draft.notes, everything, peak, mix]
    if left:
        reasons = "; ".join(f"{count:.0f} {reason}" for reason, count in draft.mix.left_out.items())
        share = left / (left + draft.mix.requests)
        notes.append(
            f"{share:.2%} of those requests are on no route of the mix ({reasons}); the rates hold them, so the routes"
            " share them."
        )
    return notes


def burstiness(draft: Draft) -> str:
    """How production's seconds vary, and what the profile makes of it."""
    spread = draft.dispersion
    if spread is None:
        return (
            f"Steps of {span(draft.window.step)} say nothing of single seconds: peaks within them, and whether arrivals"
            " are burstier than Poisson, are not known."
        )
    index = f"Index of dispersion (variance over mean) of counts per second around the ramps: {spread.index:.2f}"
    if not spread.bursty:
        return f"{index}; no burstier than Poisson, which has 1."
    if not draft.bursts:
        return (
            f"{index}; burstier than Poisson, which has 1, but no second stands out: single seconds of the profile vary"
            " less than production's."
        )
    carried = len({each.burst.at for each in draft.stages if each.burst})
    seconds = sum(len(burst.counts) for burst in draft.bursts)
    return (
        f"{index}; burstier than Poisson, which has 1. {len(draft.bursts)} bursts stood out, {seconds} s together; in"
        f" proportion to the time, the {carried} largest are stages of their own. Between them arrivals are Poisson."
    )


def shape(draft: Draft) -> str:
    """How well the ramps follow what was counted."""
    ramps = draft.ramps
    return (
        f"Straight ramps (at most {MAX_RAMPS}) through means of {span(ramps.bin)}: off by {ramps.typical:.1%} of the"
        f" mean rate typically, by {ramps.worst:.1%} of the busiest mean at worst."
    )


def span(seconds: float) -> str:
    """A duration as people write it: ``1h``, ``10m``, ``90s``."""
    for length, unit in ((3600, "h"), (60, "m")):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{_number(seconds)}s"


def _stage(each: Placed, draft: Draft) -> str:
    stage = each.stage
    duration = f"{_number(stage.duration)}s"
    if each.burst is not None:
        at = moment(draft.window.start + each.burst.at)
        return f"{{duration: {duration}, rate: {_number(stage.start)}}}  # of a burst at {at}"
    if stage.start == stage.end:
        return f"{{duration: {duration}, rate: {_number(stage.start)}}}"
    return f"{{duration: {duration}, from: {_number(stage.start)}, to: {_number(stage.end)}}}"


def _number(value: float) -> str:
    """Without an exponent, which YAML may take for a text."""
    return np.format_float_positional(value, trim="-")


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH):
        yield f"# {line}"
