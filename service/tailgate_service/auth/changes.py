"""The database's word that who may ask has changed, and the memory that forgets at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from tailgate_service.auth.memory import Memory
from tailgate_service.listener import Listener, Subscriber

CHANNEL = "access"


@contextmanager
def remembering(listener: Listener) -> Iterator[Memory]:
    """A memory that forgets what changes, and all while that is not heard."""
    memory = Memory()

    def told(_: int, payload: str) -> None:
        memory.forget(*parse(payload))

    with listener.subscribed(Subscriber(heard={CHANNEL: told}, lost=memory.forget_all, proven=memory.heard)):
        yield memory


def parse(payload: str) -> tuple[UUID, bytes | None]:
    """The workspace, and the hash of what let in before or does now, if anything; raises ``ValueError``."""
    workspace, _, proof = payload.partition(" ")
    return UUID(workspace), bytes.fromhex(proof) if proof else None
