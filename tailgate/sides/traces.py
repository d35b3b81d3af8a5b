"""Where two sides send their traces: what is started here to an endpoint of its own, all else to one address."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tailgate_loadtest.run.receiver import TraceReceiver
from tailgate_loadtest.shapes.sides import SIDES, Side

from tailgate.traces import listening


@contextmanager
def receiving(address: tuple[str, int] | None) -> Iterator[dict[Side, TraceReceiver]]:
    """A receiver for each side, for the length of a block; at the address they share, each has a path of its own.

    Raises:
        CommandError: nobody can listen there.
    """
    with ExitStack() as stack:
        receivers = {side: stack.enter_context(TraceReceiver()) for side in SIDES}
        if address is not None:
            stores = {f"/{side}": receiver.store for side, receiver in receivers.items()}
            stack.enter_context(listening(address, stores, "the sides'"))
        yield receivers
