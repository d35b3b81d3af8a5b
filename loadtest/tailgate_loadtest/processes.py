"""Who runs below a process whose work it is to leave nobody behind."""

import contextlib
import os
from pathlib import Path


def descendants() -> set[int]:
    """The ids of all that run below this process, once those that have ended are taken off the kernel's hands."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    children: dict[int, set[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, which stands in brackets, may hold anything.
            state, parent = stat.read_bytes().rpartition(b")")[2].split()[:2]
            if state != b"Z":
                children.setdefault(int(parent), set()).add(int(stat.parent.name))
    found: set[int] = set()
    new = children.get(os.getpid(), set())
    while new:
        found |= new
        new = set().union(*(children.get(pid, set()) for pid in new)) - found
    return found
