"""What the tests of metrics share: meters that have counted, a pool of one, and two ports side by side."""

import socket

from tailgate_otel import Config
from tailgate_otel.guard import Guard
from tailgate_otel.meters import Meters


def config(port: int = 0, ports: int = 1, host: str = "127.0.0.1") -> Config:
    return Config(service_name="shop", metrics_host=host, metrics_port=port, metrics_ports=ports)


def meters_of(routes: int) -> Meters:
    """Meters that have seen so many routes, each answer with an exemplar."""
    made = Meters(config(), Guard())
    for number in range(routes):
        route = made.route(f"/things/{number}")
        for status in ("200", "404", "422", "500"):
            made.requests.observe(("GET", route, status), 20_000_000)
            made.requests.exemplify(("GET", route, status), 20_000_000, f"{number:032x}")
        made.queries.observe(("GET", route), 3)
        made.db_time.observe(("GET", route), 3_000_000)
    return made


class Single:
    """A pool of one connection, which is idle."""

    waiting = 0

    def get_size(self) -> int:
        return 1

    get_idle_size = get_max_size = get_size

    def is_closing(self) -> bool:
        return False


def neighbours() -> tuple[int, int]:
    """Two free ports, one after the other."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port, port + 1
    raise RuntimeError("no two free ports lie side by side")
