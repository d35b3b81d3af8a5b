"""A load put on by this process alone."""

import sys

import gevent
from gevent.event import Event

from tailgate_loadtest.engine.desk import Desk, Say
from tailgate_loadtest.engine.hand import Hand


def put_on(hand: Hand, desk: Desk, say: Say, stop: Event) -> None:
    """Put the load on, and give the desk an account of all of it."""
    hand.prepare(stop)
    hand.start()
    desk.begin()

    def tick() -> None:
        second = 0
        while True:
            second += 1
            gevent.sleep(max(second - desk.now(), 0.0))
            desk.take("", second, hand.report())
            desk.tick(say, second)

    ticker = gevent.spawn(tick)
    hand.load.run(stop)
    ticker.kill()
    desk.take("", sys.maxsize, hand.finish(stop))
    desk.tick(say)
