"""Many tests at once: how probable the smallest of their p would be by chance.

Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979): the
smallest p counts as many times as there are tests, the next once less, and so on. However the tests depend on one
another, the probability that any of those is rejected in which nothing has changed stays under the level.
"""

from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key")


def adjusted(p: Mapping[Key, float]) -> dict[Key, float]:
    """Each p with regard to all the others; what is not a number counts as 1, for it shows nothing."""
    sound = {key: value if 0 <= value <= 1 else 1.0 for key, value in p.items()}
    most, found = 0.0, {}
    for place, key in enumerate(sorted(sound, key=lambda key: sound[key])):
        most = max(most, min(1.0, (len(sound) - place) * sound[key]))
        found[key] = most
    return {key: found[key] for key in p}
