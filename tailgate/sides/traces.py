"""Where two sides send their traces: what is started here to an endpoint of its own, all else to one address."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tailgate_loadtest.run.receiver import Receiver, TraceReceiver
from tailgate_loadtest.shapes.sides import SIDES, Side

from tailgate.console import say
from tailgate.errors import CommandError
from tailgate.settings import FILE


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
            host, port = address
            try:
                shared = Receiver(stores, address)
            except OSError as error:
                raise CommandError(
                    f"{FILE}: service: traces: nobody can listen at {host}:{port} ({error.strerror}); give an address"
                    " of this machine, or 0.0.0.0 for all of them, and a port that is free"
                ) from error
            stack.enter_context(shared)
            say(f"receiving the sides' traces at {host}:{port}{' and '.join(stores)}")
        yield receivers
