"""Run as a process of its own, since gevent patches: sends requests by the client for load, tells what came of them.

A line in is {"base": address, "options": of the session, "calls": [{"method", "url", ...further arguments}]}; a call
{"sleep": seconds} only waits, one {"leads": port} has every name lead to that port here from then on, {"together": n}
sends the next call n times at once, and {"forget": true} tells how many sockets are open when the session is gone. A
line out is the list of outcomes.
"""

from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402
import json  # noqa: E402 - gevent must patch before anything else is imported
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from gevent import socket  # noqa: E402
from locust.event import EventHook  # noqa: E402
from tailgate_loadtest.engine.http.session import Session  # noqa: E402
from tailgate_loadtest.engine.http.tls import client_context  # noqa: E402
from tailgate_loadtest.shapes.orders import Tls  # noqa: E402

RESOLVE = socket.getaddrinfo


def lead(port: int) -> None:
    """Have every name lead to one port of this machine, as if its owner had just moved it there."""
    socket.getaddrinfo = lambda *_, **__: RESOLVE("127.0.0.1", port, type=1)


def sockets() -> int:
    """How many sockets this process has open."""
    links = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return sum(str(link).startswith("socket:") for link in links)


def carry_out(base: str, options: dict, calls: list[dict]) -> list[dict]:
    """Send the calls, one after another, by one session."""
    socket.getaddrinfo = RESOLVE
    before = sockets()
    events: list[dict] = []
    hook = EventHook()
    hook.add_listener(lambda **meta: events.append(meta))
    tls = Tls(**options.pop("tls", {}))
    session: Session | None = Session(base, hook, None, tls=lambda: client_context(tls), **options)
    outcomes = []
    together = 1
    for call in calls:
        if "sleep" in call:
            time.sleep(call["sleep"])
        elif "leads" in call:
            lead(call["leads"])
        elif "together" in call:
            together = call["together"]
        elif "forget" in call:
            session = None
            gc.collect()
            time.sleep(0)  # what is dropped is closed at the loop's next turn
            outcomes.append({"sockets": sockets() - before})
        else:
            sent = [gevent.spawn(outcome_of, session, call, events) for _ in range(together)]
            outcomes += [each.get() for each in sent]
            together = 1
    if session is not None:
        session.close()
    return outcomes


def outcome_of(session: Session, call: dict, events: list[dict]) -> dict[str, Any]:
    """Send one call, and say what came of it."""
    before = time.perf_counter()
    try:
        response = session.request(**call)
    except TypeError as error:
        return {"refused": str(error)}
    event = events[-1]
    outcome = {
        "status": response.status_code,
        "error": type(response.error).__name__ if response.error else None,
        "why": str(response.error),
        "event_error": type(event["exception"]).__name__ if event["exception"] else None,
        "name": event["name"],
        "length": event["response_length"],
        "reported": event["response_time"] / 1e3,
        "took": time.perf_counter() - before,
        "url": response.url,
        "headers": dict(response.headers),
        "server": response.server_timing,
        "resolve": response.timings.resolve,
        "connect": response.timings.connect,
        "wait": response.timings.wait,
        "receive": response.timings.receive,
        "secure": response.timings.secure,
    }
    try:
        outcome["text"] = response.text[:200]
    except Exception as error:  # noqa: BLE001 - a test looks at which it was
        outcome["text"] = f"!{type(error).__name__}"
    return outcome


for line in sys.stdin:
    print(json.dumps(carry_out(**json.loads(line))), flush=True)
