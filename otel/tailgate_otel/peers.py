"""Whose word counts: the callers that may decide that a trace is kept."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def networks(written: Iterable[str]) -> tuple[Network, ...]:
    """The networks of addresses and CIDR blocks; raises ``ValueError`` for what is neither."""
    return tuple(ip_network(one) for one in written)


class Peers:
    """The networks whose direct callers are believed."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)
        self._trusts = lru_cache(maxsize=1024)(self._look_up)

    def trusts(self, client: Sequence[object] | None) -> bool:
        """Whether the scope's ``client`` (host and port, or nobody) is one of them."""
        return bool(self._trusted) and bool(client) and self._trusts(str(client[0]))  # type: ignore[index]

    def _look_up(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:  # a server that tells names, or a socket's path
            return False
        return any(address in network for network in self._trusted)
