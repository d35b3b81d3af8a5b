"""Run as a process of its own, since gevent patches: sends requests by the client for load, tells what came of them.

A line in is {"base": address, "options": of the session, "calls": [{"method", "url", ...further arguments}]}; a call
{"sleep": seconds} only waits. A line out is the list of outcomes.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - gevent must patch before anything else is imported
import sys  # noqa: E402
import time  # noqa: E402

from locust.event import EventHook  # noqa: E402
from tailgate_loadtest.engine.http.session import Session  # noqa: E402
from tailgate_loadtest.engine.http.tls import client_context  # noqa: E402
from tailgate_loadtest.shapes.orders import Tls  # noqa: E402


def carry_out(base: str, options: dict, calls: list[dict]) -> list[dict]:
    """Send the calls, one after another, by one session."""
    events: list[dict] = []
    hook = EventHook()
    hook.add_listener(lambda **meta: events.append(meta))
    tls = Tls(**options.pop("tls", {}))
    session = Session(base, hook, None, tls=lambda: client_context(tls), **options)
    outcomes = []
    for call in calls:
        if "sleep" in call:
            time.sleep(call["sleep"])
            continue
        before = time.perf_counter()
        try:
            response = session.request(**call)
        except TypeError as error:
            outcomes.append({"refused": str(error)})
            continue
        outcome = {
            "status": response.status_code,
            "error": type(response.error).__name__ if response.error else None,
            "event_error": type(events[-1]["exception"]).__name__ if events[-1]["exception"] else None,
            "name": events[-1]["name"],
            "length": events[-1]["response_length"],
            "reported": events[-1]["response_time"] / 1e3,
            "took": time.perf_counter() - before,
            "url": response.url,
            "connect": response.timings.connect,
            "wait": response.timings.wait,
            "receive": response.timings.receive,
            "secure": response.timings.secure,
        }
        try:
            outcome["text"] = response.text[:200]
        except Exception as error:  # noqa: BLE001 - a test looks at which it was
            outcome["text"] = f"!{type(error).__name__}"
        outcomes.append(outcome)
    session.close()
    return outcomes


for line in sys.stdin:
    print(json.dumps(carry_out(**json.loads(line))), flush=True)
