"""A limit on what may take forever."""

from collections.abc import Iterator
from contextlib import contextmanager

import gevent

from tailgate_loadtest.engine.http.errors import TimedOut
from tailgate_loadtest.engine.http.wire import failure_of


@contextmanager
def limited(seconds: float, what: str) -> Iterator[None]:
    """Have a block fail by name: TimedOut after so many seconds, ConnectionReset for an error of the system."""
    limit = gevent.Timeout(max(seconds, 0.0))
    try:
        with limit:
            yield
    except gevent.Timeout as timeout:
        if timeout is not limit:
            raise
        raise TimedOut(what) from None
    except OSError as error:
        raise failure_of(error) from error
