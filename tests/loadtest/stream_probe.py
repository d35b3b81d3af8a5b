"""Run as a process of its own, since gevent patches: holds one stream as a user would, tells what came of it.

A line in is {"base": address, "kind": "websocket" or "events", "url", "open": its arguments, "steps": what to do, in
order}; a line out holds what each step gave, and what Locust was told. A step is a list: a method's name, its
positional argument or None, and further ones by name; ["nap", seconds] waits.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - gevent must patch before anything else is imported
import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402
from gevent.fileobject import FileObject  # noqa: E402
from locust.event import EventHook  # noqa: E402
from tailgate_loadtest.engine.http.errors import StreamFailed  # noqa: E402
from tailgate_loadtest.engine.http.session import Session  # noqa: E402
from tailgate_loadtest.engine.http.tls import client_context  # noqa: E402
from tailgate_loadtest.shapes.orders import Tls  # noqa: E402


def plain(message) -> object:
    """A message, a list of them or nothing, as JSON can hold it."""
    if isinstance(message, list):
        return [plain(each) for each in message]
    if message is None:
        return None
    data = message.data if isinstance(message.data, str) else message.data.hex()
    data = data if len(data) < 1000 else len(data)
    return {"data": data, **({"type": message.type, "id": message.id} if hasattr(message, "type") else {})}


def sent_at(message) -> float | None:
    """The moment that a message bears: {"at": it}."""
    return message.json().get("at") if message.data.startswith("{") else None


def do(stream, step: list) -> object:
    """One step."""
    what, argument, more = (*step, None, None)[:3]
    more = more or {}
    if what == "nap":
        return gevent.sleep(argument)
    if what == "listen":
        return plain(list(stream.listen(argument)))
    if what == "exchange" and (answer := more.pop("answer", None)):
        more["answer"] = lambda message: answer in message.data
    if what == "send" and more.pop("bytes", False):
        argument = bytes.fromhex(argument)
    given = [] if argument is None else [argument]
    return plain(getattr(stream, what)(*given, **more))


def carry_out(base: str, kind: str, url: str, open: dict, steps: list, **options) -> dict:  # noqa: A002
    """Hold one stream."""
    told: list[dict] = []
    hook = EventHook()
    hook.add_listener(
        lambda **meta: told.append(
            {
                "route": f"{meta['request_type']} {meta['name']}",
                "error": (lambda e: e and getattr(e, "counted_as", type(e).__name__))(meta["exception"]),
                "text": str(meta["exception"] or ""),
                "seconds": meta["response_time"] / 1e3,
            }
        )
    )
    insecure = options.pop("insecure", False)
    session = Session(base, hook, None, tls=lambda: client_context(Tls(insecure=insecure)), **options)
    if open.pop("stamped", False):
        open["sent_at"] = sent_at
    given: list[object] = []
    began = time.perf_counter()

    def hold() -> None:
        try:
            with getattr(session, kind)(url, **open) as stream:
                for step in steps:
                    try:
                        given.append(do(stream, step))
                    except StreamFailed as failure:
                        given.append(f"!{getattr(failure.cause, 'counted_as', type(failure.cause).__name__)}")
        except StreamFailed as failure:
            given.append(f"!{getattr(failure.cause, 'counted_as', type(failure.cause).__name__)}")
        except TypeError as refusal:
            given.append(f"refused: {refusal}")

    gevent.spawn(hold).get()
    return {"given": given, "told": told, "took": time.perf_counter() - began}


# By gevent: what is still going on goes on while the next line is waited for.
for line in FileObject(sys.stdin.fileno(), "r", close=False):
    print(json.dumps(carry_out(**json.loads(line))), flush=True)
