"""Where traces of services that are not started here are received: tailgate.yaml's ``service: traces:``."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tailgate_loadtest.run.receiver import Receiver
from tailgate_loadtest.run.traces import TraceStore

from tailgate.console import say
from tailgate.errors import CommandError
from tailgate.settings import FILE


@contextmanager
def listening(address: tuple[str, int], stores: Mapping[str, TraceStore], whose: str) -> Iterator[None]:
    """Receive traces at a host and port for the length of a block, those of ``whose`` by their path in ``stores``.

    Raises:
        CommandError: nobody can listen there.
    """
    host, port = address
    try:
        receiver = Receiver(stores, address)
    except OSError as error:
        raise CommandError(
            f"{FILE}: service: traces: nobody can listen at {host}:{port} ({error.strerror}); give an address"
            " of this machine, or 0.0.0.0 for all of them, and a port that is free"
        ) from error
    with receiver:
        say(f"receiving {whose} traces at {host}:{port}{' and '.join(stores)}")
        yield
