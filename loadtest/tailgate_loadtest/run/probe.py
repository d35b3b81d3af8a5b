"""Has one side asked the same requests one after the other, and reads what was written of it."""

from dataclasses import replace
from pathlib import Path

from tailgate_loadtest.errors import BundleError, EngineError
from tailgate_loadtest.measure.probe import Probe, parse
from tailgate_loadtest.run.conduct import check_reachable
from tailgate_loadtest.run.engine import EngineProcess
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.shapes.orders import Orders, Probing

_MAX_BYTES = 64 * 1024 * 1024


def probe(orders: Orders, path: Path, interruption: Interruption, asked: Probing) -> Probe:
    """Ask a service what its load would ask, serially and twice over, and write each answer to ``path``.

    Args:
        orders: those of the load; of these what it asks of whom, in which mix and by which seed.
        path: a file, such as ``probe/base.jsonl`` of a comparison.
        interruption: what SIGINT and SIGTERM go through; a probe that is interrupted says so in its account.
        asked: how much of that, each time.

    Raises:
        TargetUnreachableError: nothing answers at the host.
        EngineError: the locustfile cannot be run, or the engine did not come to an end.

    """
    check_reachable(orders.host, "see whether it still runs")
    path.parent.mkdir(parents=True, exist_ok=True)
    probing = replace(orders, probe=asked, log=str(path.resolve()), rehearse=False, crew=None, rival=None)
    with EngineProcess(probing) as engine:
        with interruption.stops(engine.stop, writes=False):
            for _ in engine.ticks():
                pass
        engine.finish()
        try:
            return read(path)
        except BundleError as error:
            raise EngineError(f"the probe of {orders.host} did not come to its end: {engine.fate()}") from error


def read(path: Path) -> Probe:
    """What a probe wrote.

    Raises:
        BundleError: it is missing, damaged, or breaks off.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BundleError(f"{path}: is larger than {_MAX_BYTES} bytes")
        with path.open(encoding="utf-8") as file:
            return parse(file, str(path))
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BundleError(f"{path}: is no text") from error
