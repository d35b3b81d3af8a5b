"""A load put on by this process alone, on one side or on two at once."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import gevent
from gevent.event import Event

from tailgate_loadtest.engine.desk import Desk, Say
from tailgate_loadtest.engine.hand import Hand, prepare, start


@dataclass(frozen=True, kw_only=True)
class Part:
    """One side's: who puts it on, where it is counted, and who is told."""

    hand: Hand
    desk: Desk
    say: Say


def put_on(parts: Sequence[Part], stop: Event) -> None:
    """Put the load on, and give the desks an account of all of it."""
    hands = [part.hand for part in parts]
    prepare(hands, stop)
    start(hands)
    for part in parts:
        part.desk.begin()

    def tick() -> None:
        second = 0
        while True:
            second += 1
            gevent.sleep(max(second - parts[0].desk.now(), 0.0))
            for part in parts:
                part.desk.take("", second, part.hand.report())
                part.desk.tick(part.say, second)

    ticker = gevent.spawn(tick)
    gevent.joinall([gevent.spawn(hand.load.run, stop) for hand in hands], raise_error=True)
    ticker.kill()
    for part in parts:
        part.desk.take("", sys.maxsize, part.hand.finish(stop))
        part.desk.tick(part.say)
