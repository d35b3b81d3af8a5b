"""The messages between a master and its workers, beside Locust's own; and who may send them.

A worker asks for the orders, is ready, is told its place, prepares, begins when it is told to, and from then on reports
each second until its last report is acknowledged.
"""

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from locust.runners import DistributedRunner

ASK = "tailgate_ask"
ORDERS = "tailgate_orders"
READY = "tailgate_ready"
PLACE = "tailgate_place"
PREPARED = "tailgate_prepared"
GO = "tailgate_go"
REPORT = "tailgate_report"
ACKNOWLEDGED = "tailgate_acknowledged"
TAKE_ON = "tailgate_take_on"
OVER = "tailgate_over"
STOP = "tailgate_stop"
FEED = "tailgate_feed"
ROWS = "tailgate_rows"
DISMISSED = "tailgate_dismissed"

INTERVAL = 1.0
"""Seconds between two reports of a worker: the most that is lost with it."""

Listener = Callable[[str, Mapping[str, Any]], None]


def listen(runner: DistributedRunner, kind: str, key: str | None, listener: Listener) -> None:
    """Have a listener told of every message of a kind, and who sent it; those without the key are dropped."""

    def heard(environment: Any, msg: Any) -> None:
        del environment
        data = msg.data
        if isinstance(data, dict) and hmac.compare_digest(str(data.get("key") or ""), key or ""):
            listener(str(msg.node_id), data)

    runner.register_message(kind, heard)
