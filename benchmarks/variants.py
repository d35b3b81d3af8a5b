"""Queries side by side instead of one after another: variant ``parallel`` beside ``sequential``, over a round trip.

One call at a time through the whole API, over the same seed and the same emulated round trip. A round's ratio is of the
two P95s taken in it.
"""

import argparse
from functools import partial

from tailgate_service.measure import layers
from tailgate_service.settings import Variant

from benchmarks.figures import Raw, of_rounds
from benchmarks.stored import finish

_GOAL = 2.0 / 0.926
"""What it brought where it was done first: 2 s at least, and then 926 ms."""
_SIDES: tuple[Variant, Variant] = ("sequential", "parallel")


def main() -> None:
    """Measure, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=20, help="of each kind, to each variant in each round")
    parser.add_argument("--rtt", type=float, default=0.1, help="seconds of round trip before the database")
    options = parser.parse_args()
    raw = Raw("variants", **vars(options))
    measure = partial(_p95s, calls=options.calls, rtt=options.rtt)
    ratios: dict[str, list[float]] = {call: [] for call in layers.CALLS}
    print(f"{'round':>6}  {'call':15}" + "".join(f"{f'{side} ms':>15}" for side in _SIDES) + f"{'ratio':>8}")
    for index in range(options.rounds):
        before, after = (raw.measured(f"{side} {index}", partial(measure, side)) for side in _SIDES)
        for call, found in ratios.items():
            found.append(before[call] / after[call])
            print(
                f"{index:6}  {call:15}{before[call] * 1e3:15.1f}{after[call] * 1e3:15.1f}{found[-1]:8.1f}", flush=True
            )
    finish(raw, [of_rounds(_name(call), found, _GOAL, ">=") for call, found in ratios.items()])


def _p95s(variant: Variant, *, calls: int, rtt: float) -> dict[str, float]:
    measured, _ = layers.measure(variant, calls=calls, db_rtt=rtt, ways=("api",))
    return {each.call: each.times.percentile(0.95) for each in measured}


def _name(call: str) -> str:
    return f"variants.{call.replace('-', '_')}.times_as_quick"


if __name__ == "__main__":
    main()
