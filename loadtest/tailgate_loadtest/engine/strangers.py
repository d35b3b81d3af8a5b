"""What a stranger who reaches a master's port can do: as little as Locust's messages, which carry no key, allow.

A stranger can still have Locust remember its name, and fill the wire. It cannot make a count, learn the plan, take
users, stop the load or make the master deaf.
"""

from collections.abc import Callable, Container
from typing import Any

from locust.env import Environment
from locust.exception import RPCError, RPCReceiveError
from locust.rpc.zmqrpc import Server
from locust.runners import MasterRunner

from tailgate_loadtest.shapes.orders import Crew

GREETING = "client_ready"
"""What a worker says to Locust first, before it can say anything to us."""


def create_runner(environment: Environment, crew: Crew) -> MasterRunner:
    """Locust's master, which no message can make deaf.

    For a process of its own: Locust's server is not the same afterwards.
    """
    receive: Callable[[Any], Any] = Server.recv_from_client

    def receive_anything(self: Any) -> Any:
        try:
            return receive(self)
        except RPCError:
            raise
        except Exception as error:
            raise RPCReceiveError("a message that is none") from error

    Server.recv_from_client = receive_anything  # type: ignore[method-assign]
    return environment.create_master_runner(crew.host, crew.port)


def heed_only(runner: MasterRunner, welcome: Callable[[str, str], bool]) -> None:
    """Drop what comes in another's name, and what ``welcome`` does not want of its sender, by the message's kind."""
    handle = runner.handle_message

    def heard(client_id: str, msg: Any) -> None:
        if msg.node_id == client_id and welcome(client_id, msg.type):
            handle(client_id, msg)

    runner.handle_message = heard  # type: ignore[method-assign]


def strike(runner: MasterRunner, known: Container[str]) -> None:
    """Strike whoever is not known off Locust's list, or it would be given users."""
    for stranger in [each for each in runner.clients if each not in known]:
        del runner.clients[stranger]
