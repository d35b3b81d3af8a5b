"""What a document's annotations say of alerts.

OpenSLO leaves annotations to those who read them; ours begin with ``tailgate/``. Those of a ``kind: Service``
document hold for every objective of the service that does not say otherwise itself.
"""

from dataclasses import replace
from typing import Any

from .model import Alerting
from .nearest import suggestion
from .node import Node

_PREFIX = "tailgate/"
RUNBOOK, BOARD = f"{_PREFIX}runbook", f"{_PREFIX}board"
MINIMUM_EVENTS, PAGE, ABSENT = f"{_PREFIX}minimum-events", f"{_PREFIX}page", f"{_PREFIX}absent"
_KEYS = (RUNBOOK, BOARD, MINIMUM_EVENTS, PAGE, ABSENT)
_UNSAID = Alerting()


def read_alerting(metadata: Node, default: Alerting = _UNSAID) -> Alerting:
    """What the annotations of a document's metadata say; ``default`` where they are silent."""
    entries = metadata.mapping()
    if "annotations" not in entries:
        return default
    said: dict[str, Any] = {}
    for key, node in entries["annotations"].mapping().items():
        if key == RUNBOOK:
            said["runbook"] = _address(node)
        elif key == BOARD:
            said["board"] = _address(node)
        elif key == MINIMUM_EVENTS:
            said["minimum_events"] = node.integer()
        elif key == PAGE:
            said["page"] = node.one_of(("on", "off")) == "on"
        elif key == ABSENT:
            said["absent"] = node.one_of(("ticket", "off")) == "ticket"
        elif key.startswith(_PREFIX):
            raise node.error("unknown annotation", suggestion(key, _KEYS))
    return replace(default, **said)


def is_address(text: str) -> bool:
    """Whether a text is a whole address of the web."""
    return text.startswith(("https://", "http://")) and len(text.split()) == 1


def _address(node: Node) -> str:
    address = node.text().strip()
    if not is_address(address):
        raise node.error("not an address", "Write it whole, as in https://wiki.example.org/runbooks/orders")
    return address
