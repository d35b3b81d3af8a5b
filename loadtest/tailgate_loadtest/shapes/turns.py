"""Whose turn it is, so that everybody comes as often as their weight says, and soon."""

import random
from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def turns(weights: Mapping[K, float], seed: str) -> Iterator[K]:
    """Deal turns without end; after n of them who has weight w of a whole W has had n w / W of them, within two.

    Each turn adds everybody's weight to what they are owed, and goes to who is owed most, who then pays W. Where
    drawing lots would leave out one of twenty-five every sixtieth time in a hundred turns, here nobody is left out.
    What they are owed at the beginning is drawn by the seed. Nobody has a turn whose weight is 0.

    Raises:
        ValueError: there is nobody with a weight.
    """
    heavy = {key: weight for key, weight in weights.items() if weight > 0}
    if not heavy:
        raise ValueError("nobody has a weight")
    whole, chance = sum(heavy.values()), random.Random(seed)  # noqa: S311 - no secret
    owed = {key: chance.random() * weight for key, weight in heavy.items()}
    while True:
        for key, weight in heavy.items():
            owed[key] += weight
        chosen = max(owed, key=owed.__getitem__)
        owed[chosen] -= whole
        yield chosen
