"""Puts arrivals that never came to a request on the routes that they would have asked for."""

from collections.abc import Mapping, Sequence


def charge(
    dues: Mapping[str, Sequence[float]], begun: Mapping[str, int], asked: Mapping[str, Mapping[str, int]]
) -> tuple[list[tuple[str, float]], int]:
    """Routes and moments due, and how many arrivals could be put on none.

    An arrival counts on the routes that its persona's other arrivals asked for: where one in three of these asked for a
    route, one in three of them does, rounded up. Of a persona that never came to a request at all, nobody knows the
    routes.

    Args:
        dues: per persona, when the arrivals were due, in seconds.
        begun: per persona, how many others were begun.
        asked: per persona and route, how many requests came of those.

    """
    charged: list[tuple[str, float]] = []
    uncharged = 0
    for persona, moments in dues.items():
        if not asked.get(persona):
            uncharged += len(moments)
            continue
        for route, count in asked[persona].items():
            share, owed = count / max(begun.get(persona, 0), 1), 0.0
            for due in moments:
                owed += share
                while owed > 1 - 1e-9:  # a hair below one is one: thirds do not add up in binary
                    owed -= 1
                    charged.append((route, due))
            if owed > 1e-6:
                charged.append((route, moments[-1]))
    return charged, uncharged
