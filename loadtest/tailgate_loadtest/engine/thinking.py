"""Think time that the engine can plan with."""

import gevent
from locust import User

from tailgate_loadtest.engine.visit import visit_of


def think(user: User, seconds: float) -> None:
    """Pause a user between two requests of one task.

    Under an open load the next request is due exactly ``seconds`` after the last one ended, so a late start counts into
    its response time. Under a closed one, and under plain Locust, it is a sleep.
    """
    visit = visit_of(user)
    if visit is not None and visit.arrived:
        # What is due and was not sent yet is put off; otherwise the last answer is where planned time goes on from.
        visit.due = (visit.ended if visit.due is None else visit.due) + seconds
    gevent.sleep(seconds)
